// The editor of policies and blueprints. Its text is the text field's: without a script, that one is the editor.
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { HighlightStyle, StreamLanguage, bracketMatching, indentOnInput, syntaxHighlighting } from "@codemirror/language";
import { EditorState, type Range, StateField } from "@codemirror/state";
import { Decoration, type DecorationSet, EditorView, drawSelection, highlightActiveLine, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { completing } from "./complete";

const WORDS = /^(?:permit|forbid|when|unless|if|then|else|in|like|has|is|true|false)\b/;
const VARIABLES = /^(?:principal|action|resource|context)\b/;

/** Cedar, as far as colours need it. */
const cedar = StreamLanguage.define({
  token(stream) {
    if (stream.eatSpace()) return null;
    if (stream.match("//")) {
      stream.skipToEnd();
      return "comment";
    }
    if (stream.match(/^"(?:[^"\\]|\\.)*"?/)) return "string";
    if (stream.match(/^@[A-Za-z_]\w*/)) return "meta";
    if (stream.match(WORDS)) return "keyword";
    if (stream.match(VARIABLES)) return "variableName.standard";
    if (stream.match(/^[A-Z]\w*(?:::[A-Z]\w*)*/)) return "typeName";
    if (stream.match(/^-?\d+/)) return "number";
    if (stream.match(/^[A-Za-z_]\w*(?=\()/)) return "variableName.function";
    if (stream.match(/^[A-Za-z_]\w*/)) return "propertyName";
    if (stream.match(/^(?:==|!=|<=|>=|&&|\|\||[<>!+*-])/)) return "operator";
    stream.next();
    return null;
  },
  languageData: { commentTokens: { line: "//" }, closeBrackets: { brackets: ["(", "[", "{", '"'] } },
});

/** YAML, as far as colours need it. */
const yaml = StreamLanguage.define({
  token(stream) {
    if (stream.eatSpace()) return null;
    if (stream.peek() === "#" && (stream.sol() || /\s/.test(stream.string.charAt(stream.pos - 1)))) {
      stream.skipToEnd();
      return "comment";
    }
    if (stream.match(/^"(?:[^"\\]|\\.)*"?/) || stream.match(/^'(?:[^']|'')*'?/)) return "string";
    if (stream.match(/^[A-Za-z_][\w.-]*(?=\s*:(?:\s|$))/)) return "typeName";
    if (stream.match(/^\$\{[\w.-]+\}/)) return "variableName.standard";
    if (stream.match(/^(?:true|false|null|~)(?=[\s,\]}]|$)/)) return "keyword";
    if (stream.match(/^-?\d+(?:\.\d+)?(?=[\s,\]}]|$)/)) return "number";
    if (stream.match(/^[&*][\w-]+/)) return "meta";
    if (!stream.match(/^[^\s#"',[\]{}$&*]+/)) stream.next();
    return null;
  },
  languageData: { commentTokens: { line: "#" } },
});

const colours = HighlightStyle.define([
  { tag: tags.keyword, class: "t-keyword" },
  { tag: tags.string, class: "t-string" },
  { tag: tags.comment, class: "t-comment" },
  { tag: tags.typeName, class: "t-type" },
  { tag: tags.number, class: "t-number" },
  { tag: tags.standard(tags.variableName), class: "t-variable" },
  { tag: tags.meta, class: "t-number" },
]);

/** What the server found wrong, at its place in the text. The linter's own marks are images, which pages refuse. */
function faults(state: EditorState): Range<Decoration>[] {
  return [...document.querySelectorAll<HTMLElement>("[data-fault]")].flatMap((item) => {
    const line = state.doc.line(Math.min(Math.max(Number(item.dataset.line), 1), state.doc.lines));
    const from = Math.min(line.from + Math.max(Number(item.dataset.column) - 1, 0), line.to);
    const word = /^\w+/.exec(state.sliceDoc(from, line.to))?.[0].length ?? 1;
    const title = item.querySelector("[data-problem]")?.textContent ?? "";
    const to = Math.min(from + word, line.to);
    const mark = Decoration.mark({ class: "t-fault", attributes: { title } });
    const whole = Decoration.line({ class: "t-fault-line" }).range(line.from);
    return from < to ? [whole, mark.range(from, to)] : [whole];
  });
}

const marks = StateField.define<DecorationSet>({
  create: (state) => Decoration.set(faults(state), true),
  update: (set, change) => set.map(change.changes),
  provide: (field) => EditorView.decorations.from(field),
});

function edit(field: HTMLTextAreaElement): void {
  const nonce = document.querySelector<HTMLScriptElement>("script[nonce]")?.nonce ?? "";
  const label = field.closest(".field")?.querySelector("label")?.textContent ?? "Text";
  const state = EditorState.create({
    doc: field.value,
    extensions: [
      EditorView.cspNonce.of(nonce),
      lineNumbers(),
      history(),
      drawSelection(),
      highlightActiveLine(),
      bracketMatching(),
      indentOnInput(),
      field.dataset.editor === "yaml" ? yaml : cedar,
      field.dataset.schema ? completing(field.dataset.schema) : [],
      EditorState.readOnly.of(field.readOnly),
      syntaxHighlighting(colours),
      marks,
      EditorView.lineWrapping,
      // Put on by hand, the class would be gone with the next focus.
      EditorView.editorAttributes.of({ class: "code-editor" }),
      EditorView.contentAttributes.of({ "aria-label": label, spellcheck: "false", autocapitalize: "off" }),
      // Tab leaves the editor, as it leaves every field.
      keymap.of([...defaultKeymap, ...historyKeymap]),
      EditorView.updateListener.of((update) => {
        if (update.docChanged) field.value = update.state.doc.toString();
      }),
    ],
  });
  const view = new EditorView({ state });
  // What scrolls can be scrolled by keys, also where nothing can be typed.
  view.scrollDOM.tabIndex = 0;
  field.after(view.dom);
  field.hidden = true;
  // A hidden field that is required could not be told to be empty.
  field.required = false;
  document.getElementById("l-source")?.addEventListener("click", () => view.focus());
  for (const link of document.querySelectorAll<HTMLElement>("[data-line] a")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      const fault = link.closest<HTMLElement>("[data-line]");
      const line = view.state.doc.line(Math.min(Math.max(Number(fault?.dataset.line), 1), view.state.doc.lines));
      view.dispatch({ selection: { anchor: line.from }, scrollIntoView: true });
      view.focus();
    });
  }
}

document.querySelectorAll<HTMLTextAreaElement>("textarea[data-editor]").forEach(edit);
