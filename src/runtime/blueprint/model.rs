//! What a blueprint says.

use std::collections::BTreeMap;

use super::form::{form, words};
use super::scalar::{
    Argument, Cpu, EnvName, EnvValue, Image, Label, Lasting, Memory, Minutes, MountPath, PortName, PortNumber,
    Replicas, Script, SecretLength, UserId,
};
use super::shape::{Egress, Exposure, Probe, Variables, Volume};

form! {
    /// Which services an environment runs, and how.
    pub Blueprint {
        /// The name of the whole, as its objects are labelled.
        name: Label = "name",
        /// The services, at least one of them.
        services: Services = "services",
        /// Other sizes of the same services, chosen when it is deployed.
        plans: BTreeMap<Label, Plan> = "plans",
        /// How requests find the services.
        routing: Routing = "routing" or Routing { mode: RoutingMode::Isolated },
        /// Whether services sleep when nobody asks for them.
        auto_shutdown_enabled: bool = "autoShutdownEnabled" or true,
        /// After how many minutes without a request they sleep.
        auto_shutdown_delay_minutes: Minutes = "autoShutdownDelayMinutes" or Minutes::HALF_AN_HOUR,
        /// What is done about objects of services that somebody else changed in the cluster.
        drift: OnDrift = "drift" or OnDrift::Correct,
        /// How long the running side of the environment lives; without it, until it is destroyed.
        ttl: Option<Lasting> = "ttl",
    }
}

/// At least one service.
pub type Services = super::shape::Filled<Service>;

form! {
    /// One service: a container image, as often as it is to run.
    pub Service {
        /// Its name, by which the others reach it.
        name: Label = "name",
        /// The container image.
        image: Image = "image",
        /// What is run in place of the image's entry point.
        command: Vec<Argument> = "command",
        /// Its arguments.
        args: Vec<Argument> = "args",
        /// The working directory.
        working_dir: Option<MountPath> = "workingDir",
        /// Where it listens.
        ports: Vec<Port> = "ports",
        /// Which variables of the environment it gets: names, patterns with a star, or `all`.
        variables: Variables = "variables",
        /// How it gets them: as environment variables, or as files in /run/holdfast/variables.
        delivery: Delivery = "delivery" or Delivery::Env,
        /// Plain values; `${NAME}` takes a variable of the environment.
        env: BTreeMap<EnvName, EnvValue> = "env",
        /// Values made once, kept as secrets of the environment.
        secrets: Vec<Secret> = "secrets",
        /// What it asks for, and what it may not go over.
        resources: Resources = "resources" or Resources { requests: Quantities::NONE, limits: Quantities::NONE },
        /// How it is seen that it is ready, lives, has started.
        probes: Probes = "probes" or Probes { readiness: None, liveness: None, startup: None },
        /// How often it runs.
        replicas: Replicas = "replicas" or Replicas::ONE,
        /// Whether it gets a host of its own, and for whom.
        expose: Exposure = "expose",
        /// Services that have to be ready before it starts.
        depends_on: Vec<Label> = "dependsOn",
        /// What is mounted into it.
        volumes: Vec<Volume> = "volumes",
        /// What is run once for each revision.
        init: Option<Init> = "init",
        /// Where outside the environment it may go; nothing else leaves.
        egress: Vec<Egress> = "egress",
        /// Under which constraints it runs.
        security: Security = "security" or Security {
            profile: SecurityProfile::Restricted, user: None, writable: Vec::new(),
        },
    }
}

form! {
    /// A port a service listens on.
    pub Port {
        /// Its name.
        name: PortName = "name",
        /// Its number.
        container_port: PortNumber = "containerPort",
        /// Its protocol.
        protocol: Protocol = "protocol" or Protocol::Tcp,
    }
}

words! {
    /// What is done about an object of a service that somebody else changed in the cluster.
    pub OnDrift {
        /// It is put right.
        Correct = "correct",
        /// It is told of, and stays until the next deploy or changed value. What is deleted is made again all the same, and what closes
        /// the environment off and limits it is put right in any case.
        Report = "report",
    }
}

words! {
    /// The protocol of a port.
    pub Protocol {
        /// TCP.
        Tcp = "TCP",
        /// UDP.
        Udp = "UDP",
    }
}

words! {
    /// How variables reach a service.
    pub Delivery {
        /// As environment variables.
        Env = "env",
        /// As files.
        Files = "files",
    }
}

form! {
    /// A value that is made once and kept as a secret of the environment.
    pub Secret {
        /// Its name in the blueprint.
        name: Label = "name",
        /// The environment variable that holds it.
        env_key: EnvName = "envKey",
        /// Where it comes from.
        value: SecretValue = "value",
        /// How many characters it has.
        length: SecretLength = "length" or SecretLength::USUAL,
    }
}

words! {
    /// Where the value of a secret comes from.
    pub SecretValue {
        /// It is drawn at random, once.
        AutoGenerated = "auto-generated",
    }
}

form! {
    /// What a service asks for, and what it may not go over.
    pub Resources {
        /// What is kept free for it.
        requests: Quantities = "requests" or Quantities::NONE,
        /// What it may not go over.
        limits: Quantities = "limits" or Quantities::NONE,
    }
}

form! {
    /// Amounts of what a machine has.
    pub Quantities {
        /// Processor time.
        cpu: Option<Cpu> = "cpu",
        /// Memory.
        memory: Option<Memory> = "memory",
    }
}

impl Quantities {
    /// No amount is named.
    pub const NONE: Self = Self { cpu: None, memory: None };
}

form! {
    /// How it is seen what a service is doing.
    pub Probes {
        /// It can take requests.
        readiness: Option<Probe> = "readiness",
        /// It still works; otherwise it is started anew.
        liveness: Option<Probe> = "liveness",
        /// It has started; until then the other two are not asked.
        startup: Option<Probe> = "startup",
    }
}

form! {
    /// What is run once for each revision.
    pub Init {
        /// The text that is run.
        script: Script = "script",
        /// What it is written in.
        kind: InitKind = "type",
        /// The image that runs it; without it, the image of the service.
        image: Option<Image> = "image",
    }
}

words! {
    /// What an init step is written in.
    pub InitKind {
        /// SQL, run when the service is ready and before what depends on it.
        Sql = "sql",
        /// A shell script, run before the service starts.
        Command = "command",
    }
}

form! {
    /// Under which constraints a service runs.
    pub Security {
        /// The profile of pod security.
        profile: SecurityProfile = "profile" or SecurityProfile::Restricted,
        /// The numeric user of its processes; without it, 10001.
        user: Option<UserId> = "user",
        /// Folders it may write to beside /tmp and its volumes.
        writable: Vec<MountPath> = "writable",
    }
}

words! {
    /// A profile of pod security.
    pub SecurityProfile {
        /// No root, no privileges, a root file system that cannot be written to.
        Restricted = "restricted",
    }
}

form! {
    /// Another size of the same services.
    pub Plan {
        /// What differs, by service.
        services: BTreeMap<Label, Override> = "services",
    }
}

form! {
    /// What a plan changes of a service.
    pub Override {
        /// How often it runs.
        replicas: Option<Replicas> = "replicas",
        /// What it asks for, and what it may not go over.
        resources: Option<Resources> = "resources",
    }
}

form! {
    /// How requests find the services.
    pub Routing {
        /// The mode.
        mode: RoutingMode = "mode" or RoutingMode::Isolated,
    }
}

words! {
    /// A mode of routing.
    pub RoutingMode {
        /// The environment runs all of its services.
        Isolated = "isolated",
    }
}

impl Service {
    /// A service of this image, with nothing said about it.
    pub fn new(name: Label, image: Image) -> Self {
        Self {
            name,
            image,
            command: Vec::new(),
            args: Vec::new(),
            working_dir: None,
            ports: Vec::new(),
            variables: Variables::Listed(Vec::new()),
            delivery: Delivery::Env,
            env: BTreeMap::new(),
            secrets: Vec::new(),
            resources: Resources { requests: Quantities::NONE, limits: Quantities::NONE },
            probes: Probes { readiness: None, liveness: None, startup: None },
            replicas: Replicas::ONE,
            expose: Exposure::Hidden,
            depends_on: Vec::new(),
            volumes: Vec::new(),
            init: None,
            egress: Vec::new(),
            security: Security { profile: SecurityProfile::Restricted, user: None, writable: Vec::new() },
        }
    }
}

impl Blueprint {
    /// A blueprint of these services, with nothing else said.
    pub fn new(name: Label, services: Services) -> Self {
        Self {
            name,
            services,
            plans: BTreeMap::new(),
            routing: Routing { mode: RoutingMode::Isolated },
            auto_shutdown_enabled: true,
            auto_shutdown_delay_minutes: Minutes::HALF_AN_HOUR,
            drift: OnDrift::Correct,
            ttl: None,
        }
    }
}
