// htmx with its guard, in that order: the guard registers itself with the global.
import htmx from "htmx.org/dist/htmx.esm.js";

declare global {
  var htmx: any;
}
globalThis.htmx = htmx;
export default htmx;
