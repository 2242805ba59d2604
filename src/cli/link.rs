//! `holdfast link`: a value or file for somebody outside, sealed here, opened by whoever has the link.
//!
//! The key is made and stays on this side: it stands in the link's fragment, which is never sent to a server.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use data_encoding::BASE64;
use serde_json::{Value, json};

use super::args::{LimitArg, body};
use super::client::{Client, Request};
use super::context::Context;
use super::error::CliError;
use super::output::Column;
use crate::keys::link::{CONTENT_MAX, LinkCipher, LinkContent, LinkKey, LinkKeyError};
use crate::types::{Failure as _, SecretString};

/// Longest link that is read, in bytes.
const URL_MAX: usize = 2_048;

/// Send a value or a file to somebody who has no account.
#[derive(Debug, Subcommand)]
pub enum LinkCommand {
    /// Make a one-time link of a value (stdin or a prompt) or a file; the link is written to stdout once
    Create(CreateArgs),
    /// Open a link: writes what was sent to stdout, and uses up a view
    Open(OpenArgs),
    /// List your links, and what became of them
    #[command(visible_alias = "ls")]
    List(LimitArg),
    /// Take a link back
    Revoke {
        /// Its id, or the link
        id: String,
    },
}

/// A new link.
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// Send this file, with its name; - is stdin, without one
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// How long it can be opened, at most 30 days: 1h, 7d, or seconds
    #[arg(long, value_name = "DURATION", default_value = "1d")]
    expires: String,
    /// How often it can be opened
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    views: u32,
    /// Ask for a passphrase that whoever opens it must know, too
    #[arg(long, conflicts_with = "passphrase_file")]
    passphrase: bool,
    /// Take the passphrase from this file; - is stdin
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// What to call it in the list; whoever opens it does not see it
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

/// A link to be opened.
#[derive(Debug, Args)]
pub struct OpenArgs {
    /// The link; without it, it is read from stdin or asked for, and stands in no shell's history
    url: Option<String>,
    /// Take the passphrase from this file
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Write what was sent to this new file, readable by you only
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
}

const COLUMNS: &[Column] = &[
    ("note", "/note"),
    ("state", "/state"),
    ("left", "/views_left"),
    ("of", "/views"),
    ("expires", "/expires_at"),
    ("opened", "/opened_at"),
    ("id", "/id"),
];

/// Runs the command.
///
/// # Errors
/// What the server refuses; a link that is none.
pub fn run(context: &Context, command: LinkCommand) -> Result<(), CliError> {
    match command {
        LinkCommand::Create(args) => create(context, &args),
        LinkCommand::Open(args) => open(context, &args),
        LinkCommand::List(limit) => {
            let answer = context.ask_list(|| Request::get(&["links"]), limit.items())?;
            context.output.list(&answer, COLUMNS)
        }
        LinkCommand::Revoke { id } => {
            // Whoever has only the link at hand need not cut it: its key is left out here, too.
            let id = id.split('#').next().and_then(|url| url.rsplit('/').next()).unwrap_or_default();
            context.ask(&Request::delete(&["links", id]))?;
            context.output.say(&format!("revoked {id}"));
            Ok(())
        }
    }
}

fn create(context: &Context, args: &CreateArgs) -> Result<(), CliError> {
    // Before anything is typed: without a login it would be typed for nothing.
    let client = context.client()?;
    let name = args.file.as_deref().filter(|f| *f != Path::new("-")).and_then(Path::file_name);
    let name = name.map(|n| n.to_string_lossy().into_owned());
    let content = context.input.content(args.file.as_deref(), CONTENT_MAX)?;
    if content.expose().is_empty() {
        return Err(CliError::usage("there is nothing to send").hint("printf %s \"$VALUE\" | holdfast link create"));
    }
    let passphrase = match &args.passphrase_file {
        Some(file) => Some(context.input.line(Some(file), "Passphrase:", "--passphrase-file")?),
        None if args.passphrase => Some(context.input.line(None, "Passphrase:", "--passphrase-file")?),
        None => None,
    };
    let key = LinkKey::generate().map_err(LinkKeyError::from)?;
    let cipher = LinkCipher::derive(&key, passphrase.as_ref()).map_err(LinkKeyError::from)?;
    let fields = body(json!({
        "ciphertext": BASE64.encode(&cipher.seal(name.as_deref(), &content)?),
        "proof": BASE64.encode(cipher.proof()),
        "passphrase": passphrase.is_some(),
        "views": args.views,
        "expires_in": args.expires.parse::<u64>().map_or_else(|_| json!(args.expires), |seconds| json!(seconds)),
        "note": args.note,
    }));
    let mut answer = client.json(&Request::post(&["links"]).body(&fields))?;
    let Some(address) = answer.get("url").and_then(Value::as_str).map(str::to_owned) else {
        return Err(CliError::failed("the server's answer has no link"));
    };
    // The only copy of the key: nothing here keeps it.
    let link = SecretString::new(format!("{address}#{}", key.expose_fragment().expose()));
    if context.output.structured() {
        answer["url"] = json!(link.expose());
        return context.output.answer(&answer);
    }
    let times = if args.views == 1 { "once".to_owned() } else { format!("{} times", args.views) };
    let until = answer.get("expires_at").and_then(Value::as_str).unwrap_or("?");
    context.output.say(&format!("This link is shown once. Whoever has it can open it {times}, until {until}."));
    if passphrase.is_some() {
        context.output.say("They need the passphrase, too: send it another way.");
    }
    context.output.line(link.expose())
}

fn open(context: &Context, args: &OpenArgs) -> Result<(), CliError> {
    let given = match &args.url {
        Some(url) => SecretString::new(url.clone()),
        None => context.input.line_or_stdin("Link:", "the link")?,
    };
    let link = Link::parse(given.expose())?;
    // No credential goes to whatever server a link names.
    let client = Client::new(&link.base, None)?;
    let facts = client.json(&Request::get(&["links", &link.id]))?;
    let needs = facts.get("passphrase").and_then(Value::as_bool).unwrap_or_default();
    let passphrase = if needs {
        Some(context.input.line(args.passphrase_file.as_deref(), "Passphrase:", "--passphrase-file")?)
    } else {
        None
    };
    let cipher = LinkCipher::derive(&link.key, passphrase.as_ref()).map_err(LinkKeyError::from)?;
    // Before the view is used up: a file that cannot be written would lose what was sent.
    let file = args.save.as_deref().map(new_file).transpose()?;
    let fields = json!({ "proof": BASE64.encode(cipher.proof()) });
    let opened = client.json(&Request::post(&["links", &link.id, "open"]).body(&fields));
    let opened = opened.inspect_err(|_| forget(args.save.as_deref()))?;
    let sealed = opened.get("ciphertext").and_then(Value::as_str).unwrap_or_default();
    let sealed = BASE64.decode(sealed.as_bytes()).map_err(|_| CliError::failed("the server's answer is no link"))?;
    let sent = cipher.open(&sealed)?;
    let left = opened.get("views_left").and_then(Value::as_u64).unwrap_or_default();
    show(context, &sent, file, left)?;
    context.output.say(&match left {
        0 => "The link is used up: this was the only copy.".to_owned(),
        left => format!("The link can be opened {left} more times."),
    });
    Ok(())
}

fn show(context: &Context, sent: &LinkContent, file: Option<std::fs::File>, left: u64) -> Result<(), CliError> {
    let content = sent.content.expose();
    if let Some(mut file) = file {
        let written = file.write_all(content).and_then(|()| file.sync_all());
        return written.map_err(|e| CliError::failed(format!("the file cannot be written: {e}")));
    }
    if context.output.structured() {
        let answer = match std::str::from_utf8(content) {
            Ok(text) => json!({ "name": sent.name, "value": text, "views_left": left }),
            Err(_) => json!({
                "name": sent.name, "value": BASE64.encode(content), "encoding": "base64", "views_left": left,
            }),
        };
        return context.output.answer(&answer);
    }
    if let Some(name) = &sent.name {
        context.output.warn(&format!("a file that its sender calls {name}"));
    }
    context.output.value(content)
}

/// A file that was not there, readable by its owner only.
fn new_file(path: &Path) -> Result<std::fs::File, CliError> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    made.map_err(|e| {
        CliError::failed(format!("{} cannot be made: {e}", path.display()))
            .hint("the link is not opened; name a new file")
    })
}

/// Takes away the empty file of a link that did not open.
fn forget(path: Option<&Path>) {
    if let Some(path) = path {
        drop(std::fs::remove_file(path));
    }
}

/// What a link says.
struct Link {
    base: String,
    id: String,
    key: LinkKey,
}

impl Link {
    /// Reads `https://host/l/lnk_…#key`.
    fn parse(text: &str) -> Result<Self, CliError> {
        let wrong = |why: &str| {
            CliError::usage(format!("this is not a link: {why}"))
                .hint("copy the whole link, to its last character; in a shell, put it in quotes")
        };
        if text.len() > URL_MAX {
            return Err(wrong("it is too long"));
        }
        let (address, fragment) = text.trim().split_once('#').ok_or_else(|| wrong("the part after # is missing"))?;
        let (base, id) = address.rsplit_once("/l/").ok_or_else(|| wrong("it has no /l/ in it"))?;
        if id.is_empty() || !id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            return Err(wrong("what follows /l/ is no id"));
        }
        let key = LinkKey::parse(fragment).map_err(|e| wrong(&e.to_string()))?;
        Ok(Self { base: base.to_owned(), id: id.to_owned(), key })
    }
}

impl From<LinkKeyError> for CliError {
    fn from(error: LinkKeyError) -> Self {
        Self::failed(error.to_string()).hint(error.hint())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::error::Exit;

    #[test]
    fn a_link_is_an_address_an_id_and_a_key() {
        let key = LinkKey::generate().unwrap().expose_fragment();
        let link = Link::parse(&format!(" https://example.com/a/l/lnk_01#{}\n", key.expose())).unwrap();
        assert_eq!((link.base.as_str(), link.id.as_str()), ("https://example.com/a", "lnk_01"));
        assert_eq!(link.key.expose_fragment().expose(), key.expose());
        let long = "x".repeat(URL_MAX + 1);
        let cut = &key.expose()[1..];
        for bad in [
            "",
            "#",
            "https://example.com/l/lnk_01",
            "https://example.com/l/lnk_01#",
            &format!("https://e.com/l/#{cut}A"),
            &format!("https://e.com/l/lnk_01#{cut}"),
            &format!("https://e.com/x/lnk_01#{cut}A"),
            &format!("https://e.com/l/../x#{cut}A"),
            &long,
        ] {
            assert_eq!(Link::parse(bad).err().map(|e| e.exit()), Some(Exit::Usage), "{bad}");
        }
    }

    #[test]
    fn a_file_that_is_there_is_not_written_over() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key.pem");
        drop(new_file(&path).unwrap());
        assert!(new_file(&path).is_err());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        forget(Some(&path));
        assert!(!path.exists());
    }
}
