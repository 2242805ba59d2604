//! The only place that prints. Data goes to stdout, words to stderr.
//!
//! Tables are drawn for a person at a terminal and are tab-separated lines, without a heading, for a pipe.
//! Text that came from the server or a file never reaches a terminal with its control characters, but what a command writes
//! that somebody runs elsewhere (`env exec`): that is its terminal.

use std::io::{IsTerminal, Write};

use serde_json::Value;

use super::error::CliError;

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// A table at a terminal, tab-separated lines in a pipe.
    Table,
    /// The API's answer as JSON.
    Json,
    /// The API's answer as YAML.
    Yaml,
}

/// A column of a table or a line of an item: its title, and where the value is (a JSON pointer).
pub type Column = (&'static str, &'static str);

/// Where and how this run of the command writes.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "four independent facts about where the words go, not a state")]
pub struct Output {
    format: Format,
    stdout_terminal: bool,
    stderr_terminal: bool,
    color: bool,
    quiet: bool,
}

impl Output {
    /// An output in `format`. `plain` is what NO_COLOR or TERM=dumb say; `quiet` leaves out all but errors.
    pub fn new(format: Format, plain: bool, quiet: bool) -> Self {
        let stderr_terminal = std::io::stderr().is_terminal();
        Self {
            format,
            stdout_terminal: std::io::stdout().is_terminal(),
            stderr_terminal,
            color: stderr_terminal && !plain,
            quiet,
        }
    }

    /// Whether the answer is wanted as JSON or YAML, whole.
    pub fn structured(&self) -> bool {
        self.format != Format::Table
    }

    /// Whether stdout is a terminal, where a person would read what is for a program.
    pub fn is_terminal(&self) -> bool {
        self.stdout_terminal
    }

    /// Writes bytes to stdout as they are.
    ///
    /// # Errors
    /// The reader has gone (ends the command quietly), or the disk is full.
    pub fn data(&self, bytes: &[u8]) -> Result<(), CliError> {
        let mut out = std::io::stdout().lock();
        out.write_all(bytes).and_then(|()| out.flush()).map_err(|e| match e.kind() {
            std::io::ErrorKind::BrokenPipe => CliError::broken_pipe(),
            _ => CliError::failed(format!("cannot write to stdout: {e}")),
        })
    }

    /// Writes a value as it is; a terminal gets the newline the value may lack.
    ///
    /// # Errors
    /// As [`Output::data`].
    pub fn value(&self, bytes: &[u8]) -> Result<(), CliError> {
        self.data(bytes)?;
        if self.stdout_terminal && !bytes.ends_with(b"\n") { self.data(b"\n") } else { Ok(()) }
    }

    /// Writes a line of data.
    ///
    /// # Errors
    /// As [`Output::data`].
    pub fn line(&self, text: &str) -> Result<(), CliError> {
        self.data(format!("{text}\n").as_bytes())
    }

    /// Writes a list answer (`{"items": […]}`).
    ///
    /// # Errors
    /// As [`Output::data`].
    pub fn list(&self, answer: &Value, columns: &[Column]) -> Result<(), CliError> {
        if self.structured() {
            return self.answer(answer);
        }
        let items = answer.get("items").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let rows = items.iter().map(|item| columns.iter().map(|(_, at)| cell(item.pointer(at))).collect()).collect();
        self.table(&columns.iter().map(|&(title, _)| title).collect::<Vec<_>>(), rows)?;
        if answer.get("next_cursor").is_some_and(|c| !c.is_null()) {
            self.say("there are more; --limit shows them");
        }
        Ok(())
    }

    /// Writes rows under a heading.
    ///
    /// # Errors
    /// As [`Output::data`].
    pub fn table(&self, heading: &[&str], rows: Vec<Vec<String>>) -> Result<(), CliError> {
        self.data(render_table(heading, rows, self.stdout_terminal).as_bytes())
    }

    /// Writes one resource.
    ///
    /// # Errors
    /// As [`Output::data`].
    pub fn item(&self, item: &Value, fields: &[Column]) -> Result<(), CliError> {
        if self.structured() {
            return self.answer(item);
        }
        let lines = fields.iter().map(|(title, at)| (*title, cell(item.pointer(at)))).filter(|(_, v)| !v.is_empty());
        let lines: Vec<_> = lines.collect();
        let width = if self.stdout_terminal { lines.iter().map(|(t, _)| t.len()).max().unwrap_or(0) } else { 0 };
        let text: String = lines
            .iter()
            .map(|(title, value)| {
                if self.stdout_terminal {
                    format!(
                        "{title:width$}  {value}
"
                    )
                } else {
                    format!(
                        "{title}	{value}
"
                    )
                }
            })
            .collect();
        self.data(text.as_bytes())
    }

    /// Writes an answer of any shape: JSON or YAML if asked, else an indented outline.
    ///
    /// # Errors
    /// As [`Output::data`].
    pub fn answer(&self, answer: &Value) -> Result<(), CliError> {
        let text = match self.format {
            Format::Json => {
                let json = serde_json::to_string_pretty(answer);
                json.map_err(|e| CliError::failed(format!("cannot write JSON: {e}")))? + "\n"
            }
            Format::Yaml => yaml(answer)?,
            Format::Table => outline(answer),
        };
        self.data(text.as_bytes())
    }

    /// Writes a report of several lines, and an empty line after it. It may quote a file: no control character of it
    /// reaches a terminal.
    ///
    /// # Errors
    /// As [`Output::data`].
    pub fn report(&self, text: &str) -> Result<(), CliError> {
        let lines: String = text.lines().map(|line| clean(&line.replace('\t', "    ")) + "\n").collect();
        self.data(format!("{lines}\n").as_bytes())
    }

    /// Shows a plan to a person before asking them: on stderr, because it is not the answer.
    pub fn show_plan(&self, plan: &Value) {
        words(outline(plan).trim_end());
    }

    /// Text as it may stand in a table: one line without control characters.
    pub fn cell(&self, text: &str) -> String {
        clean(text)
    }

    /// Says something on stderr.
    pub fn say(&self, text: &str) {
        if !self.quiet {
            words(text);
        }
    }

    /// Writes to stderr, as they are, bytes that a command wrote to its own.
    pub fn passed_on(&self, bytes: &[u8]) {
        let mut err = std::io::stderr().lock();
        // Nobody is left to tell when stderr is gone.
        drop(err.write_all(bytes).and_then(|()| err.flush()));
    }

    /// Says what a person may do next; scripts do not need it.
    pub fn next(&self, command: &str) {
        if self.stderr_terminal && !self.quiet {
            words(&format!("{} {command}", self.paint("next:", "2")));
        }
    }

    /// Says what is odd but no error.
    pub fn warn(&self, text: &str) {
        words(&format!("{} {}", self.paint("warning:", "33"), clean(text)));
    }

    /// Says the warnings of an answer (`warnings: [{detail}]`).
    pub fn warnings(&self, answer: &Value) {
        for warning in answer.get("warnings").and_then(Value::as_array).into_iter().flatten() {
            self.warn(warning.get("detail").or_else(|| warning.get("code")).and_then(Value::as_str).unwrap_or("?"));
        }
    }

    /// Says an error.
    pub fn error(&self, error: &CliError) {
        for line in error.lines() {
            let line = clean(&line);
            match line.split_once(": ") {
                Some(("error", rest)) => words(&format!("{} {rest}", self.paint("error:", "1;31"))),
                Some(("hint", rest)) => words(&format!("{} {rest}", self.paint("hint:", "36"))),
                _ => words(&line),
            }
        }
    }

    /// A progress bar over `total` steps on a terminal, nothing elsewhere. It ends when dropped.
    pub fn progress(&self, what: &str, total: Option<u64>) -> Progress {
        if !self.stderr_terminal || self.quiet || !self.color {
            return Progress(None);
        }
        let bar = match total {
            Some(total) => indicatif::ProgressBar::new(total),
            None => indicatif::ProgressBar::new_spinner(),
        };
        bar.set_message(what.to_owned());
        bar.enable_steady_tick(std::time::Duration::from_millis(100));
        Progress(Some(bar))
    }

    /// Lines that are written over as things move, on a terminal; elsewhere each change is a line of its own.
    pub fn moving(&self) -> Moving {
        let block = self.stderr_terminal && !self.quiet && self.color;
        Moving { block: block.then(indicatif::MultiProgress::new), rows: Vec::new(), quiet: self.quiet }
    }

    fn paint(&self, text: &str, color: &str) -> String {
        if self.color { format!("\u{1b}[{color}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

fn words(text: &str) {
    // Nobody is left to tell when stderr is gone.
    drop(writeln!(std::io::stderr().lock(), "{text}"));
}

/// Long work on a terminal; silent elsewhere.
#[derive(Debug)]
pub struct Progress(Option<indicatif::ProgressBar>);

impl Progress {
    /// `steps` more are done.
    pub fn advance(&self, steps: u64) {
        if let Some(bar) = &self.0 {
            bar.inc(steps);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

/// What moves, a line each: on stderr, because it is not the answer.
#[derive(Debug)]
pub struct Moving {
    block: Option<indicatif::MultiProgress>,
    rows: Vec<(String, String, Option<indicatif::ProgressBar>)>,
    quiet: bool,
}

impl Moving {
    /// What `name` does now.
    pub fn tell(&mut self, name: &str, text: &str) {
        let text = clean(text);
        let at = self.rows.iter().position(|(known, ..)| known == name).unwrap_or_else(|| {
            let style = indicatif::ProgressStyle::with_template("{msg}");
            let bar = self.block.as_ref().map(|block| block.add(indicatif::ProgressBar::new_spinner()));
            let bar = bar.map(|bar| style.map_or(bar.clone(), |style| bar.with_style(style)));
            self.rows.push((name.to_owned(), String::new(), bar));
            self.rows.len() - 1
        });
        let Some((_, told, bar)) = self.rows.get_mut(at) else { return };
        if *told == text {
            return;
        }
        match bar {
            Some(bar) => {
                bar.set_message(text.clone());
                bar.tick();
            }
            None if !self.quiet => words(&text),
            None => {}
        }
        *told = text;
    }
}

impl Drop for Moving {
    fn drop(&mut self) {
        for (_, _, bar) in &self.rows {
            if let Some(bar) = bar {
                bar.abandon();
            }
        }
    }
}

fn yaml(value: &Value) -> Result<String, CliError> {
    let text = serde_saphyr::to_string(value).map_err(|e| CliError::failed(format!("cannot write YAML: {e}")))?;
    Ok(if text.ends_with('\n') { text } else { text + "\n" })
}

/// Narrower terminals get lines that the terminal itself wraps, in characters.
const NARROW: u16 = 60;

fn render_table(heading: &[&str], rows: Vec<Vec<String>>, terminal: bool) -> String {
    if !terminal {
        return rows.iter().map(|row| row.join("\t") + "\n").collect();
    }
    if rows.is_empty() {
        return String::new();
    }
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    // A terminal that does not know its width says 0; broken into single letters nothing can be read.
    if table.width().is_some_and(|width| width >= NARROW) {
        table.set_content_arrangement(comfy_table::ContentArrangement::Dynamic);
    }
    table.set_header(heading.iter().map(|title| title.to_uppercase()));
    table.add_rows(rows);
    table.trim_fmt() + "\n"
}

/// One line of text for a value of the API.
fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::Bool(yes)) => if *yes { "yes" } else { "no" }.to_owned(),
        Some(Value::Number(n)) => n.to_string(),
        Some(Value::String(text)) => clean(text),
        Some(Value::Array(items)) => items.iter().map(|i| cell(Some(i))).collect::<Vec<_>>().join(", "),
        Some(Value::Object(fields)) => {
            let known = ["path", "slug", "email", "name", "role", "kind", "id"].iter().find_map(|k| fields.get(*k));
            known.map_or_else(|| clean(&Value::Object(fields.clone()).to_string()), |v| cell(Some(v)))
        }
    }
}

/// Text without control characters: no line breaks in a cell, no escape sequences in a terminal.
fn clean(text: &str) -> String {
    let spoils = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if !text.contains(spoils) {
        return text.to_owned();
    }
    text.chars()
        .map(|c| if matches!(c, '\n' | '\t') { ' ' } else { c })
        .map(|c| if spoils(c) { '\u{fffd}' } else { c })
        .collect()
}

/// Deepest level an outline shows; below it a value is one line.
const OUTLINE_DEPTH: usize = 4;

fn outline(value: &Value) -> String {
    let mut lines = Vec::new();
    outline_into(value, 0, &mut lines);
    // An empty last line ends the one before it.
    if !lines.is_empty() {
        lines.push(String::new());
    }
    lines.join("\n")
}

fn outline_into(value: &Value, depth: usize, lines: &mut Vec<String>) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(fields) if depth < OUTLINE_DEPTH => {
            for (key, value) in fields {
                match value {
                    Value::Null => {}
                    Value::Array(items) if items.is_empty() => {}
                    Value::Array(_) | Value::Object(_) => {
                        lines.push(format!("{indent}{}:", clean(key)));
                        outline_into(value, depth + 1, lines);
                    }
                    _ => lines.push(format!("{indent}{}: {}", clean(key), cell(Some(value)))),
                }
            }
        }
        Value::Array(items) if depth < OUTLINE_DEPTH => {
            lines.extend(items.iter().map(|item| format!("{indent}- {}", outline_item(item))));
        }
        _ => lines.push(format!("{indent}{}", cell(Some(value)))),
    }
}

/// An item of an array on one line.
fn outline_item(item: &Value) -> String {
    match item {
        Value::Object(fields) => {
            let fields = fields.iter().filter(|(_, v)| !v.is_null());
            fields.map(|(k, v)| format!("{}={}", clean(k), cell(Some(v)))).collect::<Vec<_>>().join("  ")
        }
        _ => cell(Some(item)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_cell_is_one_line_without_control_characters() {
        assert_eq!(cell(Some(&json!("a\tb\nc\u{1b}[31md\u{202e}"))), "a b c\u{fffd}[31md\u{fffd}");
        assert_eq!(cell(Some(&json!(null))), "");
        assert_eq!(cell(Some(&json!(true))), "yes");
        assert_eq!(cell(Some(&json!({"id": "prj_1", "slug": "shop"}))), "shop");
        assert_eq!(cell(Some(&json!([{"role": "owner"}, 3]))), "owner, 3");
    }

    #[test]
    fn a_pipe_gets_tabs_and_a_terminal_a_table() {
        let rows = || vec![vec!["a".to_owned(), "1".to_owned()], vec!["b".to_owned(), String::new()]];
        assert_eq!(render_table(&["name", "n"], rows(), false), "a\t1\nb\t\n");
        let drawn = render_table(&["name", "n"], rows(), true);
        assert!(drawn.contains("NAME") && drawn.lines().count() == 3, "{drawn}");
        assert_eq!(render_table(&["name"], vec![], true), "");
    }

    #[test]
    fn an_outline_is_bounded_in_depth() {
        let mut value = json!("deep");
        for _ in 0..100 {
            value = json!({ "in": value });
        }
        assert!(outline(&value).lines().count() <= OUTLINE_DEPTH + 1);
        let plan = json!({"dry_run": true, "environments": [{"slug": "a"}], "none": [], "secrets": 2});
        assert_eq!(outline(&plan), "dry_run: yes\nenvironments:\n  - slug=a\nsecrets: 2\n");
    }

    #[test]
    fn yaml_ends_its_line() {
        assert!(yaml(&json!({"a": ["x"]})).unwrap().ends_with('\n'));
    }
}
