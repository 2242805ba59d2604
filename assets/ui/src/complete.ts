// What may be written next in a blueprint, by its JSON schema: names of fields where a field can stand, and words where a
// value has only some. Where the cursor is, is read from indentation alone, so it works in a text that is not whole yet.
import { autocompletion, type Completion, type CompletionContext, type CompletionResult } from "@codemirror/autocomplete";
import type { Extension, Text } from "@codemirror/state";

/** As much of JSON Schema as the blueprint's uses. */
type Schema = {
  $ref?: string;
  $defs?: Record<string, Schema>;
  allOf?: Schema[];
  oneOf?: Schema[];
  anyOf?: Schema[];
  type?: string | string[];
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: Schema | boolean;
  items?: Schema;
  enum?: unknown[];
  const?: unknown;
  default?: unknown;
  description?: string;
};

const KEY = /^(\s*)((?:-\s+)*)("?)([A-Za-z_][\w.-]*)\3\s*:(?:\s|$)/;

/** A step to where the cursor is: a field's name, or null for a member of a list. */
type Step = string | null;
export type Place = { path: Step[]; present: string[] };

/** How far a line's text is in, and that of its first field where it begins members of lists. */
function depths(line: string): { dash: number; key: number; name: string; dashes: number } | null {
  const found = KEY.exec(line);
  if (!found) return null;
  const [, space = "", dashes = "", , name = ""] = found;
  return { dash: space.length, key: space.length + dashes.length, name, dashes: (dashes.match(/-/g) ?? []).length };
}

/** The fields above a column of a line, outermost first, and those that stand beside it. */
export function place(doc: Text, number: number, column: number, inItem: boolean): Place {
  const path: Step[] = [];
  const present: string[] = [];
  let depth = column;
  let own = true;
  if (inItem) {
    path.unshift(null);
    own = false;
  }
  for (let at = number - 1; at >= 1; at--) {
    const text = doc.line(at).text;
    if (!text.trim() || /^\s*#/.test(text)) continue;
    const line = depths(text);
    const bare = text.length - text.trimStart().length;
    if (!line) {
      // A member of a list that is no field: `- text`.
      if (bare < depth && /^\s*-/.test(text)) depth = bare;
      continue;
    }
    if (line.key === depth && own) {
      present.push(line.name);
      if (line.dashes > 0) {
        path.unshift(null);
        depth = line.dash;
        own = false;
      }
      continue;
    }
    // A list may stand as far out as the field it belongs to.
    const isHolder = line.key < depth || (line.key === depth && !own && line.dashes === 0);
    if (!isHolder) continue;
    path.unshift(line.name);
    depth = line.key;
    own = true;
    if (line.dashes > 0) {
      path.unshift(null);
      depth = line.dash;
      own = false;
    }
    if (depth === 0 && own) break;
  }
  // Those below, up to where the mapping ends.
  for (let at = number + 1; at <= doc.lines && column > 0; at++) {
    const text = doc.line(at).text;
    if (!text.trim() || /^\s*#/.test(text)) continue;
    const line = depths(text);
    const bare = text.length - text.trimStart().length;
    if (bare < column || /^\s*-/.test(text.slice(0, column + 1))) break;
    if (line && line.key === column && line.dashes === 0) present.push(line.name);
  }
  return { path, present };
}

/** All that a schema can be, with its references followed. */
function forms(root: Schema, schema: Schema, most = 8): Schema[] {
  if (most === 0) return [];
  const name = schema.$ref?.split("/").pop();
  const found = name ? root.$defs?.[name] : undefined;
  const others = [...(schema.allOf ?? []), ...(schema.oneOf ?? []), ...(schema.anyOf ?? [])];
  const own = found ? forms(root, found, most - 1) : [schema];
  return [...own, ...others.flatMap((other) => forms(root, other, most - 1))];
}

/** What can stand at the end of a path. */
export function schemasAt(root: Schema, path: Step[]): Schema[] {
  let here = forms(root, root);
  for (const step of path) {
    const next = here.flatMap((schema) => {
      if (step === null) return schema.items ? [schema.items] : [];
      const named = schema.properties?.[step];
      if (named) return [named];
      return typeof schema.additionalProperties === "object" ? [schema.additionalProperties] : [];
    });
    here = next.flatMap((schema) => forms(root, schema));
  }
  return here;
}

function kind(root: Schema, schema: Schema): "list" | "fields" | "value" {
  const all = forms(root, schema);
  if (all.some((one) => one.properties || typeof one.additionalProperties === "object")) return "fields";
  return all.some((one) => one.type === "array") ? "list" : "value";
}

function fields(root: Schema, at: Place): Completion[] {
  const known = new Map<string, Completion>();
  for (const schema of schemasAt(root, at.path)) {
    for (const [name, field] of Object.entries(schema.properties ?? {})) {
      if (known.has(name) || at.present.includes(name)) continue;
      const isNeeded = schema.required?.includes(name) ?? false;
      known.set(name, {
        label: name,
        type: "property",
        apply: kind(root, field) === "value" ? `${name}: ` : `${name}:`,
        info: field.description ?? "",
        detail: isNeeded ? "needed" : "",
        boost: isNeeded ? 1 : 0,
      });
    }
  }
  return [...known.values()];
}

function values(root: Schema, path: Step[]): Completion[] {
  const words = new Set<string>();
  for (const schema of schemasAt(root, path)) {
    for (const word of [...(schema.enum ?? []), ...("const" in schema ? [schema.const] : [])]) words.add(String(word));
    if (schema.type === "boolean") ["true", "false"].forEach((word) => words.add(word));
  }
  return [...words].map((label) => ({ label, type: "constant" }));
}

/** The field whose braces the cursor is in, and what stands in them already; null outside of braces. */
function braces(before: string): { outer: string; inner: string } | null {
  let depth = 0;
  for (let at = before.length - 1; at >= 0; at--) {
    if (before[at] === "}" || before[at] === "]") depth++;
    else if (before[at] === "{" || before[at] === "[") {
      if (depth === 0) return before[at] === "{" ? { outer: before.slice(0, at), inner: before.slice(at + 1) } : null;
      depth--;
    }
  }
  return null;
}

/** Where the cursor is within a line: the path there, what stands beside it, and whether a value comes. */
function where(doc: Text, number: number, before: string): { at: Place; value: boolean } {
  const inside = braces(before);
  if (inside) {
    const outer = where(doc, number, inside.outer);
    const names = [...inside.inner.matchAll(/([A-Za-z_][\w.-]*)\s*:/g)].map((found) => found[1] ?? "");
    const last = /([A-Za-z_][\w.-]*)\s*:\s*[^,{}]*$/.exec(inside.inner)?.[1];
    const path = [...outer.at.path, ...(/\[[^\]]*$/.test(inside.outer) ? [null] : [])];
    return last ? { at: { path: [...path, last], present: [] }, value: true } : { at: { path, present: names }, value: false };
  }
  const line = depths(before);
  if (line) {
    const own = place(doc, number, line.dashes > 0 ? line.dash : line.key, line.dashes > 0);
    return { at: { path: [...own.path, line.name], present: [] }, value: true };
  }
  const lead = /^(\s*)((?:-\s+)*)/.exec(before);
  return { at: place(doc, number, lead?.[1]?.length ?? 0, Boolean(lead?.[2])), value: false };
}

export function complete(root: Schema, doc: Text, position: number, asked: boolean): CompletionResult | null {
  const line = doc.lineAt(position);
  const before = line.text.slice(0, position - line.from);
  if (/(?:^|\s)#/.test(before) || /["'][^"']*$/.test(before)) return null;
  const { at, value } = where(doc, line.number, before);
  const word = /[\w.-]*$/.exec(before)?.[0] ?? "";
  if (!word && !asked) return null;
  const options = value ? values(root, at.path) : fields(root, at);
  return options.length ? { from: position - word.length, options, validFor: /^[\w.-]*$/ } : null;
}

/** Completion by the schema at an address; nothing until it came, and nothing if it does not. */
export function completing(address: string): Extension {
  let root: Schema | null = null;
  let asked: Promise<void> | null = null;
  const load = () =>
    (asked ??= fetch(address)
      .then(async (answer) => {
        if (answer.ok) root = (await answer.json()) as Schema;
      })
      .catch(() => undefined));
  const source = async (context: CompletionContext): Promise<CompletionResult | null> => {
    await load();
    return root && !context.aborted ? complete(root, context.state.doc, context.pos, context.explicit) : null;
  };
  return autocompletion({ override: [source], icons: false, maxRenderedOptions: 60 });
}
