//! A proposal for a repository, from the files that say how its programs are built and started.
//!
//! Nothing is run and nothing is certain: each line says in a comment what it comes from, and what the files do not tell is
//! left for the author. Files are handed in with their paths; whoever walks the folders keeps the limits ([`is_wanted`]).

mod files;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use self::files::Facts;
use super::compose::{self, Imported};
use super::diagnostic::Diagnostic;
use super::model::{Blueprint, Port, Protocol, Service};
use super::scalar::{Argument, Image, Label, Lasting, Memory, PortName, PortNumber, UserId};
use super::shape::{Check, Expose, Exposure, Filled, PortRef, Probe};
use super::write::comment;
use super::{MAX_SERVICES, Notes, write};

/// Deepest folder that is looked into.
pub const MAX_DEPTH: usize = 3;
/// Most files that are read.
pub const MAX_FILES: usize = 200;
/// Largest file that is read, in bytes.
pub const MAX_FILE_BYTES: usize = 256 << 10;

/// Compose files, the one that counts first.
const COMPOSE: &[&str] = &["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"];
/// The other files that tell something.
const WANTED: &[&str] =
    &["Dockerfile", "Containerfile", "package.json", "Procfile", "pyproject.toml", "requirements.txt", "go.mod"];
/// Folders of what others wrote.
const PASSED: &[&str] = &["node_modules", "vendor", "target", "dist", "build", ".git", ".venv", "venv", "__pycache__"];

/// Whether a file of this name is read.
pub fn is_wanted(name: &str) -> bool {
    COMPOSE.contains(&name) || WANTED.contains(&name)
}

/// Whether a folder of this name is left out.
pub fn is_passed(name: &str) -> bool {
    PASSED.contains(&name)
}

/// A file of the repository: its path from the root, with `/`, and its text.
#[derive(Debug, Clone)]
pub struct Source {
    /// The path.
    pub path: String,
    /// The text.
    pub text: String,
}

/// A proposed blueprint.
#[derive(Debug)]
pub struct Proposal {
    /// The blueprint.
    pub blueprint: Blueprint,
    /// What each line comes from.
    pub notes: Notes,
    /// What is said above it.
    pub remarks: Vec<String>,
}

impl Proposal {
    /// The blueprint as YAML, with everything said in comments.
    pub fn to_yaml(&self) -> String {
        let mut out = "# A proposal: read it, and correct what it cannot know.\n".to_owned();
        for remark in &self.remarks {
            out.push_str("#   ");
            out.push_str(&comment(remark));
            out.push('\n');
        }
        out + &write(&self.blueprint, &self.notes)
    }
}

/// Proposes a blueprint called `name`; none where no file tells of a service.
///
/// # Errors
/// The Compose file cannot be read; its path is told with what is wrong.
pub fn propose(name: &str, sources: &[Source]) -> Result<Option<Proposal>, (String, Vec<Diagnostic>)> {
    let name = Label::near(name).or_else(|| Label::parse("app").ok());
    let Some(name) = name else { return Ok(None) };
    let folders = folders(sources);
    let compose = COMPOSE.iter().find_map(|file| sources.iter().find(|source| source.path == *file));
    if let Some(compose) = compose {
        let imported =
            compose::import(&compose.text, name.as_str()).map_err(|errors| (compose.path.clone(), errors))?;
        return Ok(Some(from_compose(imported, &compose.path, &folders)));
    }
    let mut notes = Notes::new();
    let mut services: Vec<Service> = Vec::new();
    for (folder, facts) in &folders {
        let last = folder.rsplit('/').next().filter(|last| !last.is_empty());
        for (process, facts) in facts.processes() {
            let wanted = match (last, process) {
                (Some(last), None | Some("web")) => last.to_owned(),
                (None, None | Some("web")) => name.as_str().to_owned(),
                (_, Some(process)) => process.to_owned(),
            };
            let label = Label::near(&wanted).filter(|label| services.iter().all(|s| s.name != *label));
            let Some(label) = label.filter(|_| services.len() < MAX_SERVICES) else { continue };
            let path = format!("services[{}]", services.len());
            services.extend(service(label, &facts, &path, &mut notes));
        }
    }
    let remarks = vec![
        "Images have to be built and pushed; `registry.invalid` stands where their address belongs.".to_owned(),
        "Sizes are guesses, and variables are not known: list those a service reads under `variables`.".to_owned(),
    ];
    Ok(Filled::new(services).map(|services| Proposal { blueprint: Blueprint::new(name, services), notes, remarks }))
}

/// What is known of each folder that has something to run.
fn folders(sources: &[Source]) -> BTreeMap<String, Facts> {
    let mut folders: BTreeMap<String, Facts> = BTreeMap::new();
    for source in sources {
        let (folder, file) = source.path.rsplit_once('/').unwrap_or(("", &source.path));
        folders.entry(folder.to_owned()).or_default().learn(file, &source.path, &source.text);
    }
    folders.retain(|_, facts| facts.is_runnable());
    folders
}

/// One service, and what its lines come from.
fn service(name: Label, facts: &Facts, path: &str, notes: &mut Notes) -> Option<Service> {
    let image = Image::parse(&format!("registry.invalid/{}:unbuilt", name.as_str())).ok()?;
    let mut note = |field: &str, text: String| drop(notes.insert(format!("{path}.{field}"), text));
    note("name", facts.named_by());
    note("image", facts.image_note());
    let mut service = Service::new(name, image);
    if let Some((words, from)) = &facts.command {
        service.args = words.iter().filter_map(|word| Argument::parse(word).ok()).collect();
        note("args", from.clone());
    }
    let ports: Vec<_> =
        facts.ports.iter().filter_map(|(number, from)| Some((PortNumber::new(*number)?, from))).collect();
    for (index, (number, from)) in ports.iter().enumerate() {
        let usual = if index == 0 { "http".to_owned() } else { format!("port-{}", number.get()) };
        let Ok(port_name) = PortName::parse(&usual) else { continue };
        note(&format!("ports[{}]", service.ports.len()), (*from).clone());
        service.ports.push(Port { name: port_name, container_port: *number, protocol: Protocol::Tcp });
    }
    if let Some((user, from)) = &facts.user {
        service.security.user = UserId::new(*user).filter(|id| id.get() > 0);
        note("security", from.clone());
    }
    if let Some((number, _)) = ports.first() {
        let check = Check::Tcp(PortRef::Number(*number));
        let probe = Probe { check, interval: Lasting::parse("5s").ok(), timeout: None, failures: None };
        service.probes.readiness = Some(probe);
        note("probes", "the port answers; a path that says ready is better: {http: /readyz}".to_owned());
        service.expose = Exposure::Shown(Expose::MEMBERS);
        note("expose", "it has a port; take it out for what only other services reach".to_owned());
    }
    service.resources.limits.memory = Memory::parse("256Mi").ok();
    note("resources", "a guess".to_owned());
    Some(service)
}

/// What the Compose file says, and what it leaves to the Dockerfiles beside it.
fn from_compose(imported: Imported, path: &str, folders: &BTreeMap<String, Facts>) -> Proposal {
    let Imported { mut blueprint, remarks } = imported;
    let mut notes = Notes::new();
    let mut services = blueprint.services.to_vec();
    for (index, service) in services.iter_mut().enumerate() {
        notes.insert(format!("services[{index}].name"), path.to_owned());
        let of = folders.iter().find(|(folder, _)| folder.rsplit('/').next() == Some(service.name.as_str()));
        let Some((_, facts)) = of else { continue };
        if service.security.user.is_none()
            && let Some((user, from)) = &facts.user
        {
            service.security.user = UserId::new(*user).filter(|id| id.get() > 0);
            notes.insert(format!("services[{index}].security"), from.clone());
        }
        if service.ports.is_empty() {
            for (number, from) in &facts.ports {
                let name = if service.ports.is_empty() { "http".to_owned() } else { format!("port-{number}") };
                if let (Ok(name), Some(container_port)) = (PortName::parse(&name), PortNumber::new(*number)) {
                    notes.insert(format!("services[{index}].ports[{}]", service.ports.len()), from.clone());
                    service.ports.push(Port { name, container_port, protocol: Protocol::Tcp });
                }
            }
        }
    }
    if let Some(services) = Filled::new(services) {
        blueprint.services = services;
    }
    let remarks = remarks.into_iter().map(|remark| format!("{path}, line {}: {}", remark.line, remark.text)).collect();
    Proposal { blueprint, notes, remarks }
}
