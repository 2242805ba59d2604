// Reads a JSON array of ini documents on stdin, prints what npm ini makes of each, values in base64.
// usage: node read.mjs DIRECTORY_WITH_NODE_MODULES
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(`${process.argv[2]}/`);
const ini = require("ini");
const documents = JSON.parse(readFileSync(0, "utf8"));
const base64 = (value) => Buffer.from(String(value), "utf8").toString("base64");
const read = ({ text }) =>
  Object.fromEntries(Object.entries(ini.parse(text)).map(([name, value]) => [name, base64(value)]));
console.log(JSON.stringify(documents.map(read)));
