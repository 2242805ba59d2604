//! `holdfast template`: a file with the variables put in. Rendered here, not by the server: only who receives the variables
//! needs the result, and a server that runs nobody's templates cannot be kept busy by one.
//!
//! A template is a program of somebody: it reads no file, includes nothing, calls nothing outside, takes a bounded number of
//! steps and writes a bounded number of bytes. A name that has no value is an error, never an empty text. No message quotes a
//! value.

use std::collections::{BTreeSet, HashSet};
use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use data_encoding::BASE64;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::ValueKind;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Template, UndefinedBehavior, Value};

use super::args::{AtArg, FolderArg};
use super::context::Context;
use super::error::CliError;
use super::variables::{Asked, Variables};
use crate::config::write_private_file;

/// Instructions a template may take: a loop over 10,000 variables with a hundred steps each.
const FUEL: u64 = 5_000_000;
/// Deepest nesting while rendering.
const MAX_DEPTH: usize = 64;
/// Largest result, in bytes.
const MAX_OUTPUT: usize = 32 << 20;
/// Most memory this process may have while it renders, in bytes: a text that doubles itself has no other limit.
const MAX_MEMORY: u64 = 2 << 30;
/// The name of the mapping of all variables.
const ALL: &str = "variables";

const TEMPLATE_HELP: &str = "\
A template is Jinja: {{ NAME }} is a variable's value, `variables` is the mapping of all of them. A
name without a value, and a restricted value this token may not have, are errors that name it.
Filters of our own: tojson, shell (quoted for a shell), b64encode. There is no include and no access
to files.

Examples:
  holdfast template nginx.conf.j2 --file nginx.conf
  holdfast template app.yaml.j2 | kubectl apply -f -
  echo '{% for name, value in variables|items %}{{ name }}={{ value|tojson }}
  {% endfor %}' | holdfast template -";

/// What to render.
#[derive(Debug, Args)]
#[command(after_help = TEMPLATE_HELP)]
pub struct TemplateArgs {
    /// The template; - is stdin
    #[arg(value_name = "TEMPLATE")]
    template: PathBuf,
    /// Write into this file, readable by you only, in place of stdout
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Let `variables` go without the restricted values in place of failing
    #[arg(long)]
    omit_withheld: bool,
    /// When.
    #[command(flatten)]
    at: AtArg,
    /// Where it is.
    #[command(flatten)]
    folder: FolderArg,
}

/// Runs the command.
///
/// # Errors
/// What the server refuses; a template that is wrong, asks for what there is not, or goes on for too long.
pub fn run(context: &Context, args: &TemplateArgs) -> Result<(), CliError> {
    let source = context.input.document(&args.template)?;
    // Left out by the server and refused here where they are used: a template that needs none of them works.
    let asked = Asked {
        place: context.place(None)?,
        path: context.path(args.folder.path.as_deref())?,
        omit_withheld: true,
        at: args.at.at.clone(),
    };
    let fetched = asked.send(&context.client()?, None)?;
    let variables = fetched.ok_or_else(|| CliError::failed("the server's answer has no variables"))?.variables;
    bound_memory();
    let text = render(&args.template.display().to_string(), &source, &variables, args.omit_withheld)?;
    match &args.file {
        Some(file) => {
            write_private_file(file, &text)?;
            context.output.say(&format!("wrote {}", file.display()));
            Ok(())
        }
        None => context.output.data(&text),
    }
}

/// From here on this process is given no more memory than [`MAX_MEMORY`]: it ends rather than taking the machine with it.
fn bound_memory() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let maximum = getrlimit(Resource::As).maximum;
    let current = maximum.map_or(MAX_MEMORY, |maximum| maximum.min(MAX_MEMORY));
    // Where the system has no such limit the others still hold.
    let _ = setrlimit(Resource::As, Rlimit { current: Some(current), maximum });
}

/// The text of a template with these variables.
///
/// # Errors
/// As [`run`], the template's part.
fn render(name: &str, source: &str, variables: &Variables, omit_withheld: bool) -> Result<Vec<u8>, CliError> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    let syntax = SyntaxConfig::builder().keep_trailing_newline(true).build();
    environment.set_syntax(syntax.map_err(|error| told(name, &error, &[]))?);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(MAX_DEPTH);
    environment.set_formatter(|out, state, value| match value.kind() {
        ValueKind::Bytes => Err(no_text()),
        _ => minijinja::escape_formatter(out, state, value),
    });
    environment.add_filter("tojson", to_json);
    environment.add_filter("shell", to_shell);
    environment.add_filter("b64encode", to_base64);
    let template = environment.template_from_str(source).map_err(|error| told(name, &error, &[]))?;
    let used = template.undeclared_variables(false);
    refuse_withheld(name, &used, variables, omit_withheld)?;
    let mut output = Bounded(Vec::new());
    match template.render_captured_to(values(variables), &mut output) {
        Ok(_) => Ok(output.0),
        Err(error) => Err(told(name, &error, &unknown(&template, variables))),
    }
}

/// Every variable by its name, and all of them in one mapping unless one has that name.
fn values(variables: &Variables) -> Value {
    let each = || {
        variables.values.iter().map(|(name, value)| {
            let bytes = value.expose();
            let value = match std::str::from_utf8(bytes) {
                Ok(text) => Value::from(text),
                Err(_) => Value::from_bytes(bytes.clone()),
            };
            (name.as_str(), value)
        })
    };
    let all = std::iter::once((ALL, Value::from_pairs(each())));
    // In this order: a variable of that name is itself.
    Value::from_pairs(all.chain(each()))
}

fn refuse_withheld(
    name: &str,
    used: &HashSet<String>,
    variables: &Variables,
    omit_withheld: bool,
) -> Result<(), CliError> {
    let whole = used.contains(ALL) && !variables.values.contains_key(ALL) && !omit_withheld;
    let withheld = variables.withheld.iter().filter(|withheld| whole || used.contains(*withheld));
    let withheld: Vec<&str> = withheld.map(String::as_str).collect();
    if withheld.is_empty() {
        return Ok(());
    }
    let error = CliError::new(
        super::error::Exit::Forbidden,
        format!("{name} asks for restricted values this token may not have: {}", withheld.join(", ")),
    );
    Err(if whole { error.hint("--omit-withheld lets `variables` go without them") } else { error })
}

/// Names the template uses and nothing defines.
fn unknown(template: &Template<'_, '_>, variables: &Variables) -> Vec<String> {
    let globals: BTreeSet<&str> = ["range", "dict", "namespace", "debug", ALL].into();
    let used = template.undeclared_variables(false).into_iter();
    let mut unknown: Vec<String> =
        used.filter(|name| !variables.values.contains_key(name) && !globals.contains(name.as_str())).collect();
    unknown.sort_unstable();
    unknown
}

/// A sentence for an error of the engine. Its own words are used only where they are about the template's text, because the
/// others may quote a value.
fn told(name: &str, error: &Error, unknown: &[String]) -> CliError {
    let place = error.line().map_or_else(|| name.to_owned(), |line| format!("{name}, line {line}"));
    let detail = || error.detail().unwrap_or("not understood").to_owned();
    let problem = match error.kind() {
        ErrorKind::SyntaxError
        | ErrorKind::UnknownFilter
        | ErrorKind::UnknownTest
        | ErrorKind::UnknownFunction
        | ErrorKind::InvalidDelimiter => detail(),
        ErrorKind::UndefinedError if !unknown.is_empty() => format!("there is no variable {}", unknown.join(", ")),
        ErrorKind::UndefinedError => "something here has no value".to_owned(),
        ErrorKind::OutOfFuel => "it goes on for too long".to_owned(),
        ErrorKind::WriteFailure => format!("the result is over {} MiB", MAX_OUTPUT >> 20),
        ErrorKind::BadSerialization => "a value is no text; {{ NAME|b64encode }} writes it in base64".to_owned(),
        other => other.to_string(),
    };
    CliError::failed(format!("{place}: {problem}"))
}

fn no_text() -> Error {
    Error::from(ErrorKind::BadSerialization)
}

fn text_of(value: &Value) -> Result<String, Error> {
    match value.kind() {
        ValueKind::Bytes => Err(no_text()),
        ValueKind::Undefined => Err(ErrorKind::UndefinedError.into()),
        _ => Ok(value.to_string()),
    }
}

fn to_json(value: &Value) -> Result<String, Error> {
    serde_json::to_string(&text_of(value)?).map_err(|_| no_text())
}

fn to_shell(value: &Value) -> Result<String, Error> {
    Ok(format!("'{}'", text_of(value)?.replace('\'', "'\\''")))
}

fn to_base64(value: &Value) -> Result<String, Error> {
    match value.as_bytes() {
        Some(bytes) => Ok(BASE64.encode(bytes)),
        None => Ok(BASE64.encode(text_of(value)?.as_bytes())),
    }
}

/// An output that takes [`MAX_OUTPUT`] bytes and no more.
struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_OUTPUT {
            return Err(std::io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::error::Exit;

    fn shop() -> Variables {
        let answer = json!({
            "variables": {"HOST": "db", "PASSWORD": "it's \"<secret>\"", "RAW": "/w=="},
            "encodings": {"RAW": "base64"}, "withheld": ["SEALED", "TOKEN"],
        });
        Variables::read(answer.to_string().as_bytes()).unwrap()
    }

    fn rendered(source: &str) -> String {
        String::from_utf8(render("t", source, &shop(), false).unwrap_or_else(|error| panic!("{source}: {error}")))
            .unwrap()
    }

    fn refused(source: &str) -> CliError {
        let error = render("t", source, &shop(), false).err().unwrap_or_else(|| panic!("{source} was rendered"));
        assert!(!format!("{error:?} {:?}", error.lines()).contains("secret>"), "{error:?}");
        error
    }

    #[test]
    fn values_are_put_in_as_they_are() {
        assert_eq!(rendered("{{ HOST }}:{{ PASSWORD }}\n"), "db:it's \"<secret>\"\n");
        assert_eq!(
            rendered("{{ PASSWORD|tojson }} {{ PASSWORD|shell }}"),
            "\"it's \\\"<secret>\\\"\" 'it'\\''s \"<secret>\"'"
        );
        assert_eq!(rendered("{{ RAW|b64encode }} {{ HOST|b64encode }}"), "/w== ZGI=");
        assert_eq!(rendered("{% if HOST == 'db' %}yes{% endif %}{% for n in range(3) %}{{ n }}{% endfor %}"), "yes012");
        assert_eq!(rendered("{{ MISSING|default('none') }}"), "none");
        assert_eq!(rendered("{% if MISSING is defined %}a{% else %}b{% endif %}"), "b");
    }

    #[test]
    fn what_has_no_value_is_named_with_its_line() {
        let error = refused("a\n{{ HOST }} {{ NOBODY }}");
        assert_eq!(error.lines()[0], "error: t, line 2: there is no variable NOBODY");
        assert!(refused("{{ variables.NOBODY }}").to_string().contains("restricted"));
        assert!(refused("{{ HOST.more }}").to_string().contains("line 1"));
        assert!(refused("{{ RAW }}").to_string().contains("b64encode"));
        assert!(refused("{{ PASSWORD|int }}").to_string().contains("line 1"));
    }

    #[test]
    fn withheld_values_are_refused_by_name() {
        let error = refused("{{ HOST }} {{ SEALED }}");
        assert!(error.exit() == Exit::Forbidden && error.to_string().contains("SEALED"), "{error}");
        assert!(!error.to_string().contains("TOKEN"), "only what is asked for is named");
        // No way round it: a condition, a default, or the mapping of all.
        for source in ["{{ SEALED|default('x') }}", "{% if SEALED is defined %}{% endif %}", "{{ variables|length }}"] {
            assert!(refused(source).to_string().contains("SEALED"), "{source}");
        }
        assert!(refused("{{ variables['TOKEN'] }}").to_string().contains("TOKEN"));
        assert_eq!(render("t", "{{ variables|length }}", &shop(), true).unwrap(), b"3");
    }

    #[test]
    fn no_file_is_read_and_nothing_is_included() {
        for source in [
            "{% include '/etc/passwd' %}",
            "{% extends '/etc/passwd' %}",
            "{% import '/etc/passwd' as x %}",
            "{% from '/etc/passwd' import x %}",
            "{{ open('/etc/passwd') }}",
            "{{ include('/etc/passwd') }}",
            "{{ 'x'|open }}",
            "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
            "{{ HOST.__class__ }}",
            "{{ ",
            "{% for %}",
        ] {
            assert!(refused(source).to_string().starts_with("t, line 1: "), "{source}");
        }
    }

    #[test]
    fn endless_work_and_endless_text_end() {
        let loops = "{% for a in range(10000) %}{% for b in range(10000) %}{% endfor %}{% endfor %}";
        assert!(refused(loops).to_string().contains("too long"));
        let text = format!("{{% for a in range(40) %}}{}{{% endfor %}}", "x".repeat(1 << 20));
        assert!(refused(&text).to_string().contains("32 MiB"));
        assert!(refused("{{ 'x' * 1000000000 }}").to_string().contains("line 1"));
        assert_eq!(
            refused(&format!("{}{}", "{% if 1 %}".repeat(10_000), "{% endif %}".repeat(10_000))).exit(),
            Exit::Failed
        );
        assert!(
            render("t", &format!("{{{{ {}1{} }}}}", "(".repeat(10_000), ")".repeat(10_000)), &shop(), false).is_err()
        );
    }
}
