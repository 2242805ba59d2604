//! What single files tell.

use serde_json::Value;

use super::super::compose::words;

/// What is known of one folder. Each fact knows the file it is from.
#[derive(Debug, Clone, Default)]
pub(super) struct Facts {
    /// The file that says that there is something to run.
    runs: Option<String>,
    dockerfile: Option<String>,
    /// The image it is built on, and where that is said.
    base: Option<(String, String)>,
    /// The language and its version, and where that is said.
    language: Option<(String, String)>,
    pub(super) ports: Vec<(u16, String)>,
    pub(super) user: Option<(u32, String)>,
    pub(super) command: Option<(Vec<String>, String)>,
    /// The processes of a Procfile.
    procfile: Vec<(String, Vec<String>, String)>,
}

/// Most ports and processes of one folder.
const MOST: usize = 20;

impl Facts {
    pub(super) fn learn(&mut self, file: &str, path: &str, text: &str) {
        match file {
            "Dockerfile" | "Containerfile" => self.dockerfile(path, text),
            "package.json" => self.package_json(path, text),
            "Procfile" => self.procfile(path, text),
            "pyproject.toml" => self.pyproject(path, text),
            "requirements.txt" => self.requirements(path, text),
            "go.mod" => self.go_mod(path, text),
            _ => {}
        }
    }

    pub(super) fn is_runnable(&self) -> bool {
        self.runs.is_some()
    }

    pub(super) fn named_by(&self) -> String {
        self.runs.clone().unwrap_or_default()
    }

    /// How the image comes to be.
    pub(super) fn image_note(&self) -> String {
        let built = match (&self.dockerfile, &self.language) {
            (Some(path), _) => format!("built by {path}"),
            (None, Some((language, from))) => format!("no Dockerfile; {language} ({from})"),
            (None, None) => "no Dockerfile".to_owned(),
        };
        match &self.base {
            Some((base, _)) => format!("{built}, on {base}"),
            None => built,
        }
    }

    /// One for each process; a folder without a Procfile is one.
    pub(super) fn processes(&self) -> Vec<(Option<&str>, Self)> {
        if self.procfile.is_empty() {
            return vec![(None, self.clone())];
        }
        let one = |(name, command, from): &'_ (String, Vec<String>, String)| {
            let ports = if name == "web" { self.web_ports(from) } else { Vec::new() };
            Self { command: Some((command.clone(), from.clone())), ports, ..self.clone() }
        };
        self.procfile.iter().map(|process| (Some(process.0.as_str()), one(process))).collect()
    }

    fn web_ports(&self, from: &str) -> Vec<(u16, String)> {
        if self.ports.is_empty() {
            vec![(8080, format!("{from}: a web process; its PORT is a guess"))]
        } else {
            self.ports.clone()
        }
    }

    fn dockerfile(&mut self, path: &str, text: &str) {
        self.runs = Some(path.to_owned());
        self.dockerfile = Some(path.to_owned());
        for (number, line) in instructions(text) {
            let Some((word, rest)) = line.split_once(char::is_whitespace) else { continue };
            let (rest, from) = (rest.trim(), format!("{path}, line {number}: {}", word.to_ascii_uppercase()));
            match word.to_ascii_uppercase().as_str() {
                // What earlier stages say is theirs.
                "FROM" => {
                    let base = rest.split_whitespace().find(|w| !w.starts_with("--")).unwrap_or_default();
                    self.base = Some((base.to_owned(), from));
                    self.ports.clear();
                    self.user = None;
                }
                "EXPOSE" => {
                    let ports = rest.split_whitespace().filter(|p| !p.ends_with("/udp"));
                    let ports = ports.filter_map(|p| p.split('/').next().unwrap_or(p).parse::<u16>().ok());
                    for port in ports.filter(|p| *p > 0).take(MOST) {
                        if self.ports.len() < MOST && self.ports.iter().all(|(known, _)| *known != port) {
                            self.ports.push((port, from.clone()));
                        }
                    }
                }
                "USER" => self.user = rest.split(':').next().and_then(|u| u.parse().ok()).map(|u| (u, from)),
                _ => {}
            }
        }
    }

    fn package_json(&mut self, path: &str, text: &str) {
        let Ok(package) = serde_json::from_str::<Value>(text) else { return };
        let engine = package.pointer("/engines/node").and_then(Value::as_str);
        self.language = Some((engine.map_or_else(|| "Node".to_owned(), |e| format!("Node {e}")), path.to_owned()));
        if package.pointer("/scripts/start").is_some_and(Value::is_string) {
            self.runs.get_or_insert_with(|| path.to_owned());
            // The image of a Dockerfile has a command of its own.
            if self.dockerfile.is_none() {
                let command = ["npm", "start"].map(str::to_owned).to_vec();
                self.command.get_or_insert((command, format!("{path}: scripts.start")));
                if self.ports.is_empty() {
                    self.ports.push((3000, format!("{path}: what Node services often use; a guess")));
                }
            }
        }
    }

    fn procfile(&mut self, path: &str, text: &str) {
        for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
            let Some((name, command)) = line.split_once(':') else { continue };
            let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
            // A release process runs once and ends.
            if !is_name || name == "release" || self.procfile.len() >= MOST {
                continue;
            }
            let needs_shell = command.contains(['$', '|', '&', ';', '>', '<', '`']);
            let split = words(command).filter(|w| !w.is_empty() && !needs_shell);
            let command = split.unwrap_or_else(|| ["sh", "-c", command.trim()].map(str::to_owned).to_vec());
            self.procfile.push((name.to_owned(), command, format!("{path}: {name}")));
            self.runs.get_or_insert_with(|| path.to_owned());
        }
    }

    fn pyproject(&mut self, path: &str, text: &str) {
        let Ok(project) = text.parse::<toml::Table>() else { return };
        let project = project.get("project").and_then(toml::Value::as_table);
        let version = project.and_then(|p| p.get("requires-python")).and_then(toml::Value::as_str);
        self.language = Some((version.map_or_else(|| "Python".to_owned(), |v| format!("Python {v}")), path.to_owned()));
        let script = project
            .and_then(|p| p.get("scripts"))
            .and_then(toml::Value::as_table)
            .and_then(|s| s.keys().next().cloned());
        if let Some(script) = script {
            self.runs.get_or_insert_with(|| path.to_owned());
            if self.dockerfile.is_none() {
                self.command.get_or_insert((vec![script], format!("{path}: project.scripts")));
            }
        }
        self.python_server(path, text);
    }

    fn requirements(&mut self, path: &str, text: &str) {
        self.language.get_or_insert(("Python".to_owned(), path.to_owned()));
        self.python_server(path, text);
    }

    /// A web server among what is required says that there is something to run.
    fn python_server(&mut self, path: &str, text: &str) {
        let servers = ["gunicorn", "uvicorn", "hypercorn", "waitress", "flask", "django", "fastapi"];
        let lower = text.to_ascii_lowercase();
        let Some(server) = servers.iter().find(|server| lower.contains(*server)) else { return };
        self.runs.get_or_insert_with(|| path.to_owned());
        if self.dockerfile.is_none() && self.ports.is_empty() {
            self.ports.push((8000, format!("{path}: {server}; the port is a guess")));
        }
    }

    fn go_mod(&mut self, path: &str, text: &str) {
        let version = text.lines().find_map(|line| line.trim().strip_prefix("go "));
        self.language =
            Some((version.map_or_else(|| "Go".to_owned(), |v| format!("Go {}", v.trim())), path.to_owned()));
        self.runs.get_or_insert_with(|| path.to_owned());
    }
}

/// The instructions of a Dockerfile with their lines; one that goes on at the next line is one.
fn instructions(text: &str) -> Vec<(usize, String)> {
    let mut all: Vec<(usize, String)> = Vec::new();
    let mut open = false;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.starts_with('#') || line.is_empty() {
            continue;
        }
        let (part, goes_on) = line.strip_suffix('\\').map_or((line, false), |part| (part.trim_end(), true));
        match all.last_mut().filter(|_| open) {
            Some((_, before)) => {
                before.push(' ');
                before.push_str(part);
            }
            None => all.push((index + 1, part.to_owned())),
        }
        open = goes_on;
    }
    all
}
