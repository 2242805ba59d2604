// What pages gain from a script. Each of them works without; nothing here writes markup, only text.
import "./htmx";
import "htmx.org/dist/ext/hx-csp.js";
import { chosen } from "./chosen";
import { keys } from "./keys";
import { live } from "./live";
import { palette } from "./palette";
import { panel } from "./panel";
import { paste } from "./paste";
import { rail } from "./rail";
import { secrets } from "./secrets";
import { services } from "./services";
import { times } from "./times";

document.documentElement.classList.add("scripted");
panel();
paste();
secrets();
rail();
chosen();
palette();
keys();
times();
live();
services();

// What pops up closes when one goes on.
document.addEventListener("click", (event) => {
  for (const open of document.querySelectorAll<HTMLDetailsElement>("details.pop[open]")) {
    if (!open.contains(event.target as Node)) open.open = false;
  }
});
