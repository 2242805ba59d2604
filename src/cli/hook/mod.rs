//! `holdfast hook`: a shell that has a directory's variables while it is in it, and has them no longer when it leaves.
//!
//! Invariants, and what each one stops:
//! - Nothing is loaded for a directory nobody said yes to (`trust`): a cloned repository must not choose what a shell
//!   exports, or ask a server, by being entered. A file that changed has to be said yes to again.
//! - Values go from this process into the shell's `eval` and nowhere else: not to a terminal, not into an argument.
//! - What a variable was before is put back; the shell's state and the old values are in its own environment, so a shell
//!   started inside puts them back as well.
//! - While nothing changed, a prompt costs the look at one file: no server is asked, nothing is printed.
//! - Names that decide what a shell runs (`PATH`, `LD_…`, `PROMPT_COMMAND`) are left out: who may write a secret must not run
//!   programs on the machines of all others.
//! - An error is a sentence and no variables, said once; it never breaks the shell.

mod script;
mod trust;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};

use self::script::Script;
use self::trust::{Trust, Trusts};
use super::context::Context;
use super::error::{CliError, Exit};
use super::variables::Asked;
use crate::config::{Env, find_project_file};
use crate::keys::offline::digest;

/// The shell's variable that says what is loaded.
const STATE: &str = "__HOLDFAST_STATE";
/// What a variable's old value is kept under, before its name.
const OLD: &str = "__HOLDFAST_OLD_";
/// Names that no shell gives away, that say where it is, or that decide what it and everything it starts runs. Whoever may
/// write a secret must not reach into the shells of all who enter the directory.
const RESERVED: [&str; 24] = [
    "CDPATH",
    "EGID",
    "ENV",
    "EUID",
    "FPATH",
    "GID",
    "HOME",
    "IFS",
    "LOGNAME",
    "OLDPWD",
    "PATH",
    "PPID",
    "PROMPT_COMMAND",
    "PS0",
    "PS1",
    "PS2",
    "PS3",
    "PS4",
    "PWD",
    "SHELL",
    "SHELLOPTS",
    "SHLVL",
    "UID",
    "ZDOTDIR",
];
/// The same, by how they begin.
const RESERVED_FAMILIES: [&str; 5] = ["BASH", "DYLD_", "HOLDFAST_", "LD_", "__HOLDFAST_"];

const HOOK_HELP: &str = "\
In the shell's own file (~/.bashrc, ~/.zshrc, ~/.config/fish/config.fish):
  eval \"$(holdfast hook bash)\"
  eval \"$(holdfast hook zsh)\"
  holdfast hook fish | source

Then, in a directory that `holdfast setup` bound:
  holdfast hook allow";

/// Load a directory's variables into the shell on entering it.
#[derive(Debug, Subcommand)]
#[command(after_help = HOOK_HELP)]
pub enum HookCommand {
    /// Write what bash evaluates at its start
    Bash,
    /// Write what zsh evaluates at its start
    Zsh,
    /// Write what fish evaluates at its start
    Fish,
    /// Trust a directory's holdfast.toml as it is now
    Allow(DirArg),
    /// Never load anything for a directory's holdfast.toml
    Deny(DirArg),
    /// Write what the shell has to change where it is now
    #[command(hide = true)]
    Export {
        /// The shell
        #[arg(value_enum)]
        shell: Shell,
    },
}

/// A directory.
#[derive(Debug, Args)]
pub struct DirArg {
    /// The directory [default: this one]
    dir: Option<PathBuf>,
}

/// A shell we have a hook for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// GNU Bash
    Bash,
    /// Zsh
    Zsh,
    /// Fish
    Fish,
}

/// Runs the command.
///
/// # Errors
/// No holdfast.toml to decide about, a file that cannot be read or written.
pub fn run(context: &Context, command: HookCommand) -> Result<(), CliError> {
    match command {
        HookCommand::Bash => install(context, Shell::Bash),
        HookCommand::Zsh => install(context, Shell::Zsh),
        HookCommand::Fish => install(context, Shell::Fish),
        HookCommand::Allow(dir) => decide(context, &dir, true),
        HookCommand::Deny(dir) => decide(context, &dir, false),
        HookCommand::Export { shell } => export(context, shell),
    }
}

fn install(context: &Context, shell: Shell) -> Result<(), CliError> {
    let program = std::env::current_exe().map_err(|e| CliError::failed(format!("cannot find this program: {e}")))?;
    context.output.data(&script::install(shell, program.as_os_str().as_bytes()))
}

fn decide(context: &Context, dir: &DirArg, allow: bool) -> Result<(), CliError> {
    let start = context.env.working_dir().join(dir.dir.as_deref().unwrap_or(Path::new("")));
    let Some(file) = find_project_file(&start) else {
        return Err(CliError::new(Exit::NotFound, format!("no holdfast.toml in {} or above it", start.display()))
            .hint("holdfast setup writes one"));
    };
    let mut trusts = Trusts::load(&context.env)?;
    trusts.decide(&file, allow)?;
    trusts.save()?;
    let what = if allow { "trusted as it is now" } else { "denied: nothing is loaded for it" };
    context.output.say(&format!("{}: {what}", file.display()));
    Ok(())
}

/// What is loaded in the shell that asks.
struct State {
    /// Of which file, as it was when.
    stamp: String,
    /// Of which environment, for people.
    place: String,
    names: Vec<String>,
}

impl State {
    fn read(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '|').map(str::to_owned);
        let (stamp, place, names) = (parts.next()?, parts.next()?, parts.next()?);
        let names = names.split(',').filter(|name| script::is_name(name)).map(str::to_owned).collect();
        Some(Self { stamp, place, names })
    }

    fn write(&self) -> String {
        format!("{}|{}|{}", self.stamp, self.place, self.names.join(","))
    }
}

fn export(context: &Context, shell: Shell) -> Result<(), CliError> {
    if context.output.is_terminal() {
        return Err(CliError::usage("this is for a shell to evaluate, and may hold values")
            .hint("put eval \"$(holdfast hook bash)\" into ~/.bashrc"));
    }
    let mut exported = Env::exported();
    let before = exported.get(STATE).and_then(|text| State::read(&text.to_string_lossy()));
    let file = find_project_file(context.env.working_dir());
    let stamp = file.as_deref().map(|file| stamp(file, &trust::path(&context.env)));
    if before.as_ref().map(|state| &state.stamp) == stamp.as_ref() {
        return Ok(());
    }
    let mut script = Script::new(shell);
    if let Some(before) = &before {
        leave(&mut script, &mut exported, before);
        if !before.names.is_empty() {
            context.output.say(&format!("holdfast: left {}", before.place));
        }
    }
    if let (Some(file), Some(stamp)) = (file, stamp) {
        let loaded = enter(context, &file).unwrap_or_else(|error| {
            context.output.warn(&format!("holdfast: nothing is loaded here: {error}"));
            None
        });
        let (place, variables) = loaded.unwrap_or_default();
        let names = variables.iter().map(|(name, _)| name.clone()).collect();
        // First: if the rest is cut off, what came through is taken back on leaving.
        script.set(STATE, State { stamp, place, names }.write().as_bytes());
        for (name, value) in variables {
            if let Some(old) = exported.get(&name) {
                script.set(&format!("{OLD}{name}"), old.as_bytes());
            }
            script.set(&name, &value);
        }
    }
    context.output.data(&script.finish())
}

/// Puts back what was before.
fn leave(script: &mut Script, exported: &mut BTreeMap<String, OsString>, before: &State) {
    for name in &before.names {
        let kept = format!("{OLD}{name}");
        if let Some(old) = exported.remove(&kept) {
            script.set(name, old.as_bytes());
            script.unset(&kept);
            exported.insert(name.clone(), old);
        } else {
            script.unset(name);
            exported.remove(name);
        }
    }
    script.unset(STATE);
}

type Loaded = (String, Vec<(String, Vec<u8>)>);

/// The variables of a directory, if it is trusted.
fn enter(context: &Context, file: &Path) -> Result<Option<Loaded>, CliError> {
    match Trusts::load(&context.env)?.of(file)? {
        Trust::Allowed => {}
        Trust::Denied => return Ok(None),
        Trust::Unknown => {
            let name = file.display();
            context
                .output
                .warn(&format!("holdfast: {name} is not trusted yet; to load its variables: holdfast hook allow"));
            return Ok(None);
        }
    }
    let asked = Asked { place: context.place(None)?, path: context.path(None)?, omit_withheld: true, at: None };
    let fetched = asked.send(&context.client()?, None)?;
    let variables = fetched.ok_or_else(|| CliError::failed("the server's answer has no variables"))?.variables;
    // The settings were read after the question above: they must be the ones it was answered for.
    if Trusts::load(&context.env)?.of(file)? != Trust::Allowed {
        return Err(CliError::failed(format!("{} changed in this moment", file.display())));
    }
    let place = format!("{}/{}", asked.place.project, asked.place.environment);
    let (mut taken, mut left) = (Vec::new(), Vec::new());
    for (name, value) in &variables.values {
        if is_for_shells(name) && !value.expose().contains(&0) {
            taken.push((name.clone(), value.expose().clone()));
        } else {
            left.push(name.as_str());
        }
    }
    if !left.is_empty() {
        context.output.warn(&format!("holdfast: left out, because not for a shell: {}", left.join(", ")));
    }
    let withheld = match variables.withheld.len() {
        0 => String::new(),
        count => format!(", {count} restricted ones left out"),
    };
    context.output.say(&format!("holdfast: {place}, {} variables{withheld}", taken.len()));
    Ok(Some((place, taken)))
}

/// Whether a shell may take it from a directory.
fn is_for_shells(name: &str) -> bool {
    let reserved = RESERVED.contains(&name) || RESERVED_FAMILIES.iter().any(|family| name.starts_with(family));
    script::is_name(name) && !reserved
}

/// What tells whether anything changed: the file, and the answers given about files.
fn stamp(file: &Path, trusts: &Path) -> String {
    let seen = |path: &Path| match std::fs::metadata(path) {
        Ok(found) => [found.mtime(), found.mtime_nsec(), found.ctime(), found.ctime_nsec()]
            .iter()
            .flat_map(|part| part.to_be_bytes())
            .chain(found.ino().to_be_bytes())
            .chain(found.size().to_be_bytes())
            .collect::<Vec<u8>>(),
        Err(_) => Vec::new(),
    };
    let parts = digest(&[file.as_os_str().as_bytes(), &seen(file), &seen(trusts)]);
    data_encoding::HEXLOWER.encode(&parts[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_survives_the_shell_and_foreign_text_in_it_names_nothing() {
        let state = State { stamp: "ab".into(), place: "shop/staging".into(), names: vec!["A".into(), "B_1".into()] };
        let read = State::read(&state.write()).unwrap();
        assert_eq!((read.stamp.as_str(), read.place.as_str(), read.names.len()), ("ab", "shop/staging", 2));
        assert!(State::read("ab|shop/staging|").unwrap().names.is_empty());
        assert!(State::read("ab|x|A;rm -rf,$(x),B").unwrap().names == ["B"]);
        assert!(State::read("ab").is_none());
    }

    #[test]
    fn a_directory_does_not_decide_what_a_shell_runs() {
        for name in
            ["PATH", "LD_PRELOAD", "BASH_ENV", "PROMPT_COMMAND", "HOLDFAST_TOKEN", "__HOLDFAST_STATE", "A-B", ""]
        {
            assert!(!is_for_shells(name), "{name}");
        }
        assert!(is_for_shells("DATABASE_URL") && is_for_shells("MY_PATH"));
    }

    #[test]
    fn leaving_puts_back_what_was_there_and_takes_away_what_was_not() {
        let mut script = Script::new(Shell::Bash);
        let mut exported: BTreeMap<String, OsString> =
            [("A", "new"), ("__HOLDFAST_OLD_A", "it's old"), ("B", "new")].map(|(n, v)| (n.into(), v.into())).into();
        let before = State { stamp: String::new(), place: String::new(), names: vec!["A".into(), "B".into()] };
        leave(&mut script, &mut exported, &before);
        let text = String::from_utf8(script.finish()).unwrap();
        assert_eq!(text, "export A='it'\\''s old'\nunset __HOLDFAST_OLD_A\nunset B\nunset __HOLDFAST_STATE\n");
        assert_eq!(exported, [("A".to_owned(), OsString::from("it's old"))].into());
    }
}
