//! Values with more than one form: a word or a list, a choice of fields, a text with parts.

use std::net::IpAddr;
use std::ops::Deref;
use std::str::FromStr as _;

use ipnet::IpNet;
use serde_json::{Value, json};

use super::form::{Definitions, Form, Reader, Yaml, form, text, words};
use super::scalar::{
    Argument, DnsName, Failures, HttpPath, Label, Lasting, Memory, MountPath, PortName, PortNumber, VariableName,
    VariablePattern,
};
use super::tree::{Kind, Node, Scalar, Word};

/// A list that is not empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filled<T>(Vec<T>);

impl<T> Filled<T> {
    /// The list, unless it is empty.
    pub fn new(items: Vec<T>) -> Option<Self> {
        if items.is_empty() { None } else { Some(Self(items)) }
    }
}

impl<T> Deref for Filled<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T: Form> Form for Filled<T> {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let items = Vec::<T>::read(node, reader)?;
        if items.is_empty() {
            let message = format!("{} is empty", reader.subject());
            reader.error("invalid_value", node.at, message, "it needs at least one entry");
        }
        Self::new(items)
    }

    fn write(&self) -> Option<Yaml> {
        self.0.write()
    }

    fn schema(definitions: &mut Definitions) -> Value {
        let mut schema = Vec::<T>::schema(definitions);
        schema["minItems"] = json!(1);
        schema
    }
}

/// Which variables a service gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Variables {
    /// All that the environment has.
    All,
    /// Those that are named.
    Listed(Vec<VariablePattern>),
}

impl Form for Variables {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        match &node.kind {
            Kind::List(_) => Vec::read(node, reader).map(Self::Listed),
            Kind::Scalar(Scalar { text, word: Word::Text, .. }) if text == "all" => Some(Self::All),
            _ => {
                let message = "`variables` is a list of names, or `all`";
                reader.error("wrong_kind", node.at, message, "like [DATABASE_URL, \"SMTP_*\"]");
                None
            }
        }
    }

    fn write(&self) -> Option<Yaml> {
        match self {
            Self::All => Some(Yaml::Text("all".to_owned())),
            Self::Listed(names) => names.write(),
        }
    }

    fn schema(definitions: &mut Definitions) -> Value {
        json!({ "oneOf": [{ "const": "all" }, Vec::<VariablePattern>::schema(definitions)] })
    }

    fn absent() -> Option<Self> {
        Some(Self::Listed(Vec::new()))
    }
}

/// A port of a service, by name or number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PortRef {
    /// Its name.
    Name(PortName),
    /// Its number.
    Number(PortNumber),
}

impl Form for PortRef {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        match &node.kind {
            Kind::Scalar(Scalar { word: Word::Number, .. }) => PortNumber::read(node, reader).map(Self::Number),
            _ => PortName::read(node, reader).map(Self::Name),
        }
    }

    fn write(&self) -> Option<Yaml> {
        match self {
            Self::Name(name) => name.write(),
            Self::Number(number) => number.write(),
        }
    }

    fn schema(definitions: &mut Definitions) -> Value {
        json!({ "oneOf": [PortName::schema(definitions), PortNumber::schema(definitions)] })
    }
}

/// Whether a service gets a host of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exposure {
    /// Only the environment reaches it.
    Hidden,
    /// It has a host.
    Shown(Expose),
}

form! {
    /// How a service is reached from outside.
    pub Expose {
        /// Which of its ports; without it, its only one or the one called `http`.
        port: Option<PortRef> = "port",
        /// A host of one's own, in place of the one that is made.
        host: Option<DnsName> = "host",
        /// Who gets in.
        auth: Auth = "auth" or Auth::Members,
    }
}

words! {
    /// Who gets in from outside.
    pub Auth {
        /// Members of the organization, signed in.
        Members = "members",
        /// Whoever has a share link.
        Share = "share",
        /// Everybody.
        Public = "public",
    }
}

impl Expose {
    /// What `expose: true` means.
    pub const MEMBERS: Self = Self { port: None, host: None, auth: Auth::Members };
}

impl Form for Exposure {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        match &node.kind {
            Kind::Scalar(Scalar { word: Word::Boolean, .. }) => {
                let shown = bool::read(node, reader)?;
                Some(if shown { Self::Shown(Expose::MEMBERS) } else { Self::Hidden })
            }
            Kind::Map(_) => Expose::read(node, reader).map(Self::Shown),
            _ => {
                reader.wrong_kind(node, "true, false or a mapping");
                None
            }
        }
    }

    fn write(&self) -> Option<Yaml> {
        match self {
            Self::Hidden => None,
            Self::Shown(expose) if *expose == Expose::MEMBERS => Some(Yaml::Plain("true".to_owned())),
            Self::Shown(expose) => expose.write(),
        }
    }

    fn schema(definitions: &mut Definitions) -> Value {
        json!({ "oneOf": [{ "type": "boolean" }, Expose::schema(definitions)] })
    }

    fn absent() -> Option<Self> {
        Some(Self::Hidden)
    }
}

/// One question to a service, asked again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// What is asked.
    pub check: Check,
    /// How often.
    pub interval: Option<Lasting>,
    /// How long an answer may take.
    pub timeout: Option<Lasting>,
    /// How often in a row it has to fail.
    pub failures: Option<Failures>,
}

/// What a probe asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Check {
    /// Whether a path answers 2xx or 3xx.
    Http {
        /// The path.
        path: HttpPath,
        /// Where; without it, at the only port or the one called `http`.
        port: Option<PortRef>,
    },
    /// Whether a port can be connected to.
    Tcp(PortRef),
    /// Whether a command ends with 0.
    Command(Vec<Argument>),
}

form! {
    /// A probe: exactly one of `http`, `tcp` and `command`.
    pub(super) ProbeForm {
        /// A path that has to answer 2xx or 3xx.
        http: Option<HttpPath> = "http",
        /// A port that has to take connections.
        tcp: Option<PortRef> = "tcp",
        /// A command that has to end with 0.
        command: Option<Filled<Argument>> = "command",
        /// The port of `http`; without it, the only one or the one called `http`.
        port: Option<PortRef> = "port",
        /// How often it is asked; 10s unless said.
        interval: Option<Lasting> = "interval",
        /// How long an answer may take; 1s unless said.
        timeout: Option<Lasting> = "timeout",
        /// How often in a row it has to fail; 3 unless said.
        failures: Option<Failures> = "failures",
    }
}

/// A type over a form that not every combination of fields fits.
macro_rules! refined {
    ($Name:ident over $Raw:ident, $also:expr) => {
        impl Form for $Name {
            fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
                let raw = $Raw::read(node, reader)?;
                let refined = Self::refine(raw);
                if let Err((message, hint)) = &refined {
                    // Where the mapping begins: it may be many lines long.
                    let at = super::diagnostic::Place { end: node.at.start, ..node.at };
                    reader.error("conflicting_fields", at, *message, *hint);
                }
                refined.ok()
            }

            fn write(&self) -> Option<Yaml> {
                self.raw().write()
            }

            fn schema(definitions: &mut Definitions) -> Value {
                definitions.named(stringify!($Name), |definitions| {
                    let mut schema = json!({ "allOf": [$Raw::schema(definitions)] });
                    if let (Value::Object(schema), Value::Object(also)) = (&mut schema, $also) {
                        schema.extend(also);
                    }
                    schema
                })
            }
        }
    };
}

type Refusal = (&'static str, &'static str);

refined!(Probe over ProbeForm, json!({
    "oneOf": [
        { "required": ["http"] },
        { "required": ["tcp"], "not": { "required": ["port"] } },
        { "required": ["command"], "not": { "required": ["port"] } },
    ],
}));

impl Probe {
    fn refine(raw: ProbeForm) -> Result<Self, Refusal> {
        let ProbeForm { http, tcp, command, port, interval, timeout, failures } = raw;
        let check = match (http, tcp, command) {
            (Some(path), None, None) => Check::Http { path, port },
            (None, Some(_), None) | (None, None, Some(_)) if port.is_some() => {
                return Err(("`port` belongs to `http` only", "`tcp: 8080` names its port itself"));
            }
            (None, Some(port), None) => Check::Tcp(port),
            (None, None, Some(command)) => Check::Command(command.0),
            _ => {
                let hint = "like {http: /readyz}, {tcp: 5432} or {command: [pg_isready]}";
                return Err(("a probe has exactly one of `http`, `tcp` and `command`", hint));
            }
        };
        Ok(Self { check, interval, timeout, failures })
    }

    fn raw(&self) -> ProbeForm {
        let (mut http, mut tcp, mut command, mut of_http) = (None, None, None, None);
        match self.check.clone() {
            Check::Http { path, port } => (http, of_http) = (Some(path), port),
            Check::Tcp(port) => tcp = Some(port),
            Check::Command(words) => command = Filled::new(words),
        }
        let Self { interval, timeout, failures, .. } = self.clone();
        ProbeForm { http, tcp, command, port: of_http, interval, timeout, failures }
    }
}

/// Something mounted into a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// Its name. Volumes of type `pvc` with one name are one volume.
    pub name: Label,
    /// Where it is in the container.
    pub mount_path: MountPath,
    /// What it is.
    pub source: VolumeSource,
}

/// What a volume is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VolumeSource {
    /// Storage that stays.
    Pvc {
        /// How much.
        size: Memory,
        /// Whether the service only reads it.
        read_only: bool,
    },
    /// An empty folder that goes with the pod.
    Empty {
        /// How much at most.
        size: Option<Memory>,
    },
    /// A file with the value of a variable.
    File {
        /// The variable.
        variable: VariableName,
    },
}

words! {
    /// A kind of volume.
    pub(super) VolumeKind {
        /// Storage that stays.
        Pvc = "pvc",
        /// An empty folder.
        Empty = "empty",
        /// A file with the value of a variable.
        File = "file",
    }
}

form! {
    /// A volume: storage that stays, an empty folder, or a file with a variable's value.
    pub(super) VolumeForm {
        /// Its name. Volumes of type `pvc` with one name are one volume.
        name: Label = "name",
        /// Where it is in the container.
        mount_path: MountPath = "mountPath",
        /// What it is.
        kind: VolumeKind = "type",
        /// How much of it; needed for `pvc`.
        size: Option<Memory> = "size",
        /// The variable whose value the file holds; needed for `file`.
        variable: Option<VariableName> = "variable",
        /// The service only reads it; for `pvc`.
        read_only: bool = "readOnly" or false,
    }
}

refined!(Volume over VolumeForm, json!({
    "oneOf": [
        {
            "properties": { "type": { "const": "pvc" } },
            "required": ["size"],
            "not": { "required": ["variable"] },
        },
        {
            "properties": { "type": { "const": "empty" }, "readOnly": { "const": false } },
            "not": { "required": ["variable"] },
        },
        {
            "properties": { "type": { "const": "file" }, "readOnly": { "const": false } },
            "required": ["variable"],
            "not": { "required": ["size"] },
        },
    ],
}));

impl Volume {
    fn refine(raw: VolumeForm) -> Result<Self, Refusal> {
        let VolumeForm { name, mount_path, kind, size, variable, read_only } = raw;
        let source = match (kind, size, variable) {
            (VolumeKind::Pvc, Some(size), None) => VolumeSource::Pvc { size, read_only },
            (VolumeKind::Pvc, None, _) => return Err(("a volume of type pvc needs a size", "add `size: 1Gi`")),
            (VolumeKind::File, None, Some(variable)) if !read_only => VolumeSource::File { variable },
            (VolumeKind::File, _, None) => {
                return Err(("a volume of type file needs a variable", "add `variable: NAME`: its value is the file"));
            }
            (VolumeKind::Empty, size, None) if !read_only => VolumeSource::Empty { size },
            _ => {
                let hint = "pvc has size and readOnly, empty has size, file has variable";
                return Err(("these fields do not belong to this type of volume", hint));
            }
        };
        Ok(Self { name, mount_path, source })
    }

    fn raw(&self) -> VolumeForm {
        let (kind, size, variable, read_only) = match self.source.clone() {
            VolumeSource::Pvc { size, read_only } => (VolumeKind::Pvc, Some(size), None, read_only),
            VolumeSource::Empty { size } => (VolumeKind::Empty, size, None, false),
            VolumeSource::File { variable } => (VolumeKind::File, None, Some(variable), false),
        };
        let (name, mount_path) = (self.name.clone(), self.mount_path.clone());
        VolumeForm { name, mount_path, kind, size, variable, read_only }
    }
}

text!(
    /// Where a service may go outside its environment: a network or `internet`, and a port.
    Egress,
    r"^(internet|[0-9.]{7,15}(/[0-9]{1,2})?|\[[0-9a-f:.]{2,45}(/[0-9]{1,3})?\])(:[0-9]{1,5})?(/udp)?$",
    most 64, "this way out",
    "a network or `internet`, and a port: 10.1.2.0/24:5432, [fd00::/8]:443, internet:443, internet:53/udp; network policies know addresses, no host names",
    check |text| split(text).map(drop)
);

/// What a service may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Every public address.
    Internet,
    /// The addresses of a network.
    Net(IpNet),
}

struct Parts {
    target: Target,
    port: Option<PortNumber>,
    is_udp: bool,
}

fn split(text: &str) -> Result<Parts, &'static str> {
    let (rest, is_udp) = text.strip_suffix("/udp").map_or((text, false), |rest| (rest, true));
    let (name, port) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((net, port)) => (net, port.strip_prefix(':')),
        None => rest.split_once(':').map_or((rest, None), |(net, port)| (net, Some(port))),
    };
    let target = if name == "internet" {
        Target::Internet
    } else {
        let net = IpNet::from_str(name).or_else(|_| IpAddr::from_str(name).map(IpNet::from));
        Target::Net(net.map_err(|_| "names no network")?)
    };
    let port = port.map(|port| port.parse().ok().and_then(PortNumber::new).ok_or("names no port")).transpose()?;
    let metadata: IpNet = IpNet::from(IpAddr::from([169, 254, 169, 254]));
    if matches!(target, Target::Net(net) if net.prefix_len() >= 16 && (net.contains(&metadata) || net.addr() == metadata.addr()))
    {
        return Err("names addresses that are always closed");
    }
    Ok(Parts { target, port, is_udp })
}

impl Egress {
    /// What it reaches.
    pub fn target(&self) -> Target {
        split(self.as_str()).map_or(Target::Internet, |parts| parts.target)
    }

    /// At which port; none: at all of them.
    pub fn port(&self) -> Option<PortNumber> {
        split(self.as_str()).ok().and_then(|parts| parts.port)
    }

    /// Whether it is for UDP, and not for TCP.
    pub fn is_udp(&self) -> bool {
        split(self.as_str()).is_ok_and(|parts| parts.is_udp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_out_are_networks_and_ports() {
        let egress = |text: &str| Egress::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        let one = egress("10.1.2.0/24:5432");
        assert_eq!(one.target(), Target::Net("10.1.2.0/24".parse().expect("a network")));
        assert_eq!((one.port().map(PortNumber::get), one.is_udp()), (Some(5432), false));
        assert_eq!(egress("10.1.2.3").target(), Target::Net("10.1.2.3/32".parse().expect("a network")));
        assert_eq!(egress("[fd00::/8]:443").port().map(PortNumber::get), Some(443));
        assert_eq!((egress("internet:53/udp").target(), egress("internet:53/udp").is_udp()), (Target::Internet, true));
        assert_eq!(egress("internet").port(), None);
        for wrong in
            ["example.com:443", "10.1.2.0/99:1", "1.2.3.4:0", "1.2.3.4:99999", "10.1:1", "", "169.254.169.254:80"]
        {
            assert!(Egress::parse(wrong).is_err(), "{wrong}");
        }
    }
}
