// Reads a JSON array of dotenv documents on stdin, prints what npm dotenv makes of each.
// usage: node parse.mjs DIRECTORY_WITH_NODE_MODULES
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(`${process.argv[2]}/`);
const dotenv = require("dotenv");
const documents = JSON.parse(readFileSync(0, "utf8"));
// A byte order mark is what reading the file as a Buffer and decoding it leaves in place; dotenv gets it as is.
const variables = documents.map((text) => dotenv.parse(text));
console.log(JSON.stringify({ version: require("dotenv/package.json").version, variables }));
