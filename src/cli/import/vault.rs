//! `holdfast import vault`: the key-value secrets of Vault or OpenBao, asked for over their API.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::{Map, Value};

use super::transfer::{Target, TransferArgs};
use crate::cli::client::foreign::{Foreign, Question, Told};
use crate::cli::context::Context;
use crate::cli::error::{CliError, Exit};
use crate::types::SecretString;
use crate::vault::importers::{
    Dollar, Found, KvVersion, Listed, MAX_NAMES, MAX_VERSIONS, Remark, kv_names, listing, metadata, mount, v1_values,
    v2_values,
};

/// Folders one within the other at most.
const DEPTH: usize = 64;

/// A version of the key-value engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kv {
    /// One value a path, no history
    #[value(name = "1")]
    V1,
    /// Versions and metadata
    #[value(name = "2")]
    V2,
}

/// What to import from Vault or OpenBao.
#[derive(Debug, Args)]
pub struct VaultArgs {
    /// The mount, or a folder or secret of it: secret, secret/app
    #[arg(value_name = "PATH")]
    from: String,
    /// The server [default: VAULT_ADDR or BAO_ADDR, else https://127.0.0.1:8200]
    #[arg(long, value_name = "URL")]
    address: Option<String>,
    /// Take Vault's token from this file, - is stdin [default: VAULT_TOKEN or BAO_TOKEN, else ~/.vault-token, else ask]
    #[arg(long, value_name = "FILE")]
    vault_token_file: Option<PathBuf>,
    /// The namespace [default: VAULT_NAMESPACE or BAO_NAMESPACE]
    #[arg(long, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// Trust only these authorities, in PEM [default: VAULT_CACERT or BAO_CACERT, else the machine's]
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// The version of the engine, where the token may not ask for it; the mount is then the first segment of PATH
    #[arg(long, value_enum, value_name = "1|2")]
    kv_version: Option<Kv>,
    /// Import the newest version of each secret only
    #[arg(long)]
    newest_only: bool,
    #[command(flatten)]
    transfer: TransferArgs,
}

/// Runs the command.
///
/// # Errors
/// The server cannot be reached or refuses; what an answer holds is not Vault's; what the target refuses.
pub fn run(context: &Context, args: &VaultArgs) -> Result<(), CliError> {
    let target = Target::find(context, &args.transfer)?;
    let reader = Reader::connect(context, args)?;
    let found = reader.read()?;
    target.take("vault", found)
}

/// A mount of a server, and what of it is wanted.
struct Reader<'a> {
    context: &'a Context,
    args: &'a VaultArgs,
    server: Foreign,
    mount: Vec<String>,
    from: Vec<String>,
    version: KvVersion,
}

/// A secret on its way: its path, what is known of it, and the versions read.
struct Reading {
    path: Vec<String>,
    custom: Vec<(String, String)>,
    wanted: Vec<Option<(u32, String)>>,
    read: Vec<(Option<String>, Map<String, Value>)>,
    gone: Vec<String>,
}

impl<'a> Reader<'a> {
    fn connect(context: &'a Context, args: &'a VaultArgs) -> Result<Self, CliError> {
        let set = |given: Option<&String>, vault: &str, bao: &str| -> Result<Option<String>, CliError> {
            let known = [context.env.text(vault)?, context.env.text(bao)?].into_iter().flatten().next();
            Ok(given.cloned().or_else(|| known.map(str::to_owned)))
        };
        let address = set(args.address.as_ref(), "VAULT_ADDR", "BAO_ADDR")?;
        let address = address.unwrap_or_else(|| "https://127.0.0.1:8200".to_owned());
        let ca = args.ca_file.as_ref().map(|p| p.display().to_string());
        let ca = set(ca.as_ref(), "VAULT_CACERT", "BAO_CACERT")?;
        let ca = ca.map(|path| context.input.document(Path::new(&path))).transpose()?;
        let mut headers = vec![("x-vault-token", token(context, args)?), ("x-vault-request", request_header())];
        if let Some(namespace) = set(args.namespace.as_ref(), "VAULT_NAMESPACE", "BAO_NAMESPACE")? {
            headers.push(("x-vault-namespace", SecretString::new(namespace)));
        }
        let server = Foreign::new(&address, ca.as_deref().map(str::as_bytes), &headers)?;
        if server.in_the_clear() {
            context
                .output
                .warn(&format!("{address} is not encrypted: the token and every value can be read on the way"));
        }
        let given: Vec<String> = args.from.split('/').filter(|s| !s.is_empty()).map(str::to_owned).collect();
        let Some(first) = given.first().cloned() else {
            return Err(CliError::usage("PATH begins with a mount: secret, or secret/app"));
        };
        let (mount, version) = match args.kv_version {
            Some(Kv::V1) => (vec![first], KvVersion::V1),
            Some(Kv::V2) => (vec![first], KvVersion::V2),
            None => preflight(&server, &given)?,
        };
        let from = given.get(mount.len()..).unwrap_or_default().to_vec();
        Ok(Self { context, args, server, mount, from, version })
    }

    fn read(&self) -> Result<Found, CliError> {
        let mut found = Found::default();
        let secrets = self.walk(&mut found.remarks)?;
        let mut reading = match self.version {
            KvVersion::V1 => secrets.into_iter().map(Reading::of).collect(),
            KvVersion::V2 => self.histories(secrets, &mut found.remarks)?,
        };
        self.values(&mut reading, &mut found.remarks)?;
        for one in reading {
            let place = self.place(&one.path);
            if !one.gone.is_empty() {
                found.remarks.push(Remark::skipped(&place, format!("not imported: {}", one.gone.join(", "))));
            }
            if one.read.is_empty() {
                continue;
            }
            let folder = one.path.get(self.from.len()..).unwrap_or_default();
            let names = kv_names(&place, folder, &one.custom, one.read, Dollar::Unknown);
            found.items.extend(names.items);
            found.remarks.extend(names.remarks);
        }
        Ok(found)
    }

    /// A path as Vault's users write it.
    fn place(&self, path: &[String]) -> String {
        self.mount.iter().chain(path).map(String::as_str).collect::<Vec<_>>().join("/")
    }

    fn question(&self, part: Option<&str>, path: &[String]) -> Question {
        let part = part.filter(|_| self.version == KvVersion::V2).map(str::to_owned);
        Question::new(["v1".to_owned()].into_iter().chain(self.mount.clone()).chain(part).chain(path.iter().cloned()))
    }

    /// The paths of all secrets at and beneath the one named, folder by folder.
    fn walk(&self, remarks: &mut Vec<Remark>) -> Result<Vec<Vec<String>>, CliError> {
        let progress = self.context.output.progress("listing", None);
        // A name may be a secret and a folder at once.
        let mut secrets: Vec<Vec<String>> = Vec::new();
        let mut level = vec![self.from.clone()];
        for _ in 0..DEPTH {
            let list = |path: &Vec<String>| self.question(Some("metadata"), path).with("list", "true");
            let questions: Vec<_> = level.iter().map(list).collect();
            let mut below: Vec<Vec<String>> = Vec::new();
            self.server.ask_all(&questions, &mut |index, told| {
                let (path, place) = (&level[index], self.place(&level[index]));
                let entries = match told.status {
                    200 => listing(&place, &told.body)?,
                    404 => Vec::new(),
                    403 if *path != self.from => {
                        remarks.push(Remark::skipped(&place, "the token may not list this folder"));
                        Vec::new()
                    }
                    _ => return Err(refused(&place, &told)),
                };
                for entry in entries {
                    let (name, into) = match entry {
                        Listed::Secret(name) => (name, &mut secrets),
                        Listed::Folder(name) => (name, &mut below),
                    };
                    if matches!(name.as_str(), "." | "..") || name.contains('/') {
                        remarks.push(Remark::skipped(&format!("{place}/{name}"), "no request can name it"));
                        continue;
                    }
                    into.push(path.iter().cloned().chain([name]).collect());
                }
                progress.advance(1);
                if secrets.len() + below.len() > MAX_NAMES { Err(too_many(&place)) } else { Ok(()) }
            })?;
            if below.is_empty() {
                break;
            }
            level = below;
        }
        if !self.from.is_empty() && !secrets.contains(&self.from) {
            secrets.push(self.from.clone());
        }
        secrets.sort();
        Ok(secrets)
    }

    /// Version 2: which versions each secret has.
    fn histories(&self, secrets: Vec<Vec<String>>, remarks: &mut Vec<Remark>) -> Result<Vec<Reading>, CliError> {
        let progress = self.context.output.progress("reading metadata", u64::try_from(secrets.len()).ok());
        let questions: Vec<_> = secrets.iter().map(|path| self.question(Some("metadata"), path)).collect();
        let mut reading: Vec<Reading> = Vec::with_capacity(secrets.len());
        self.server.ask_all(&questions, &mut |index, told| {
            let (path, place) = (secrets[index].clone(), self.place(&secrets[index]));
            progress.advance(1);
            match told.status {
                200 => {
                    let facts = metadata(&place, &told.body)?;
                    remarks.extend(facts.rules.into_iter().map(|rule| Remark::changed(&place, rule)));
                    if facts.versions.len() > MAX_VERSIONS {
                        return Err(too_many(&place));
                    }
                    let mut one = Reading { custom: facts.custom, wanted: Vec::new(), ..Reading::of(path) };
                    let last = facts.versions.len().saturating_sub(1);
                    for (at, (number, created, destroyed)) in facts.versions.into_iter().enumerate() {
                        if destroyed {
                            one.gone.push(format!("version {number} is destroyed"));
                        } else if at == last || !self.args.newest_only {
                            one.wanted.push(Some((number, created)));
                        }
                    }
                    reading.push(one);
                }
                403 => {
                    let detail = "the token may not read its metadata: only the newest version is imported";
                    remarks.push(Remark::changed(&place, detail));
                    reading.push(Reading::of(path));
                }
                // A path that is only a folder.
                404 if path == self.from => {}
                404 => remarks.push(Remark::skipped(&place, "it went while it was read")),
                _ => return Err(refused(&place, &told)),
            }
            Ok(())
        })?;
        Ok(reading)
    }

    /// Reads the versions that are wanted.
    fn values(&self, reading: &mut [Reading], remarks: &mut Vec<Remark>) -> Result<(), CliError> {
        let wanted = |(at, one): (usize, &Reading)| one.wanted.iter().cloned().map(|w| (at, w)).collect::<Vec<_>>();
        let wanted: Vec<_> = reading.iter().enumerate().flat_map(wanted).collect();
        let progress = self.context.output.progress("reading", u64::try_from(wanted.len()).ok());
        let ask = |(at, version): &(usize, Option<(u32, String)>)| {
            let question = self.question(Some("data"), &reading[*at].path);
            version.as_ref().map_or(question.clone(), |(number, _)| question.with("version", number.to_string()))
        };
        let questions: Vec<_> = wanted.iter().map(ask).collect();
        self.server.ask_all(&questions, &mut |index, mut told| {
            progress.advance(1);
            let (at, version) = &wanted[index];
            let one = &mut reading[*at];
            let place = self.place(&one.path);
            match (told.status, version) {
                (200, _) if self.version == KvVersion::V1 => one.read.push((None, v1_values(&place, &mut told.body)?)),
                (200, _) => {
                    let (number, created, values) = v2_values(&place, &mut told.body)?;
                    one.read.push((Some(format!("version {number} of {created}")), values));
                }
                // A folder that is no secret; anything else went, or was deleted.
                (404, None) if one.path == self.from => {}
                (404, Some((number, _))) => one.gone.push(format!("version {number} is deleted")),
                (404, None) => one.gone.push("it is deleted".to_owned()),
                (403, _) => one.gone.push("the token may not read it".to_owned()),
                _ => return Err(refused(&place, &told)),
            }
            // What users of the source get now decides: a secret whose newest version is deleted is not there.
            let last = one.wanted.last().is_none_or(|last| last == version);
            if last && told.status != 200 && !one.read.is_empty() {
                one.read.clear();
                remarks
                    .push(Remark::skipped(&place, "its newest version cannot be read, so older ones are not imported"));
            }
            Ok(())
        })
    }
}

impl Reading {
    /// A secret of which the newest version is wanted.
    fn of(path: Vec<String>) -> Self {
        Self { path, custom: Vec::new(), wanted: vec![None], read: Vec::new(), gone: Vec::new() }
    }
}

/// Where the mount begins, and which version it is.
fn preflight(server: &Foreign, given: &[String]) -> Result<(Vec<String>, KvVersion), CliError> {
    let begin = ["v1", "sys", "internal", "ui", "mounts"].map(str::to_owned);
    let told = server.ask(&Question::new(begin.into_iter().chain(given.iter().cloned())))?;
    if told.status != 200 {
        let hint = "is there such a mount? Where the token may not ask, say --kv-version 1 or 2";
        return Err(refused(&given.join("/"), &told).hint(hint));
    }
    let (path, version) = mount(&told.body)?;
    Ok((path.split('/').map(str::to_owned).collect(), version))
}

/// Vault's token, never from an argument.
fn token(context: &Context, args: &VaultArgs) -> Result<SecretString, CliError> {
    let prompt = "Vault's token:";
    if let Some(file) = &args.vault_token_file {
        return context.input.line(Some(file), prompt, "--vault-token-file");
    }
    let known = [context.env.text("VAULT_TOKEN")?, context.env.text("BAO_TOKEN")?].into_iter().flatten().next();
    if let Some(token) = known {
        return Ok(SecretString::new(token.to_owned()));
    }
    let file = context.env.absolute_path("HOME").map(|home| home.join(".vault-token")).filter(|file| file.exists());
    context.input.line(file.as_deref(), prompt, "--vault-token-file")
}

/// Vault's agent and proxies take only requests that say they are meant for it.
fn request_header() -> SecretString {
    SecretString::new("true".to_owned())
}

fn too_many(place: &str) -> CliError {
    CliError::failed(format!(
        "{place}: more than one import takes ({MAX_NAMES} secrets, {MAX_VERSIONS} versions of one)"
    ))
    .hint("import one folder at a time: holdfast import vault MOUNT/FOLDER")
}

/// An answer that is an error, in Vault's own words.
fn refused(place: &str, told: &Told) -> CliError {
    let exit = Exit::of_status(told.status);
    let said = told.body.pointer("/errors/0").and_then(Value::as_str).unwrap_or_default();
    let said: String = said.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(300).collect();
    let words = if said.is_empty() { String::new() } else { format!(": {said}") };
    let error = CliError::new(exit, format!("{place}: Vault answered {}{words}", told.status));
    match told.status {
        401 | 403 => {
            error.hint("is the token right, not expired, and of this namespace? It must be able to list and read")
        }
        503 => error.hint("unseal it first"),
        _ => error,
    }
}
