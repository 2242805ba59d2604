//! The rules: number, name, why, and how to put it right.

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It will not work, or it gives something away.
    Error,
    /// It works today.
    Warning,
}

impl Severity {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// A rule.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its number, which stays.
    pub id: &'static str,
    /// Its name.
    pub name: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What it finds, in one line.
    pub finds: &'static str,
    /// Why that matters.
    pub why: &'static str,
    /// How to put it right.
    pub remedy: &'static str,
    /// Whether `--fix` can do it.
    pub is_fixable: bool,
}

use Severity::{Error, Warning};

const fn rule_of(id: &'static str, name: &'static str, severity: Severity, words: [&'static str; 3]) -> Rule {
    let [finds, why, remedy] = words;
    Rule { id, name, severity, finds, why, remedy, is_fixable: false }
}

const fn fixable(rule: Rule) -> Rule {
    Rule { is_fixable: true, ..rule }
}

/// Every rule, by number.
pub const RULES: &[Rule] = &[
    rule_of(
        "HF001",
        "no-limits",
        Warning,
        [
            "a service without a limit of memory",
            "A service that leaks takes the memory of every other one on the node, and the node ends whichever it likes.",
            "Write `resources: {limits: {memory: 256Mi}}` with twice what it usually needs.",
        ],
    ),
    rule_of(
        "HF002",
        "no-readiness",
        Warning,
        [
            "a service with ports and without a readiness probe",
            "Requests are sent to it, and what depends on it is started, as soon as its process is there, whether it answers or not.",
            "Write `probes: {readiness: {http: /readyz}}`, or `{tcp: 5432}` for what speaks no HTTP.",
        ],
    ),
    rule_of(
        "HF003",
        "moving-tag",
        Warning,
        [
            "an image without a tag, or with `latest` or another tag that moves",
            "The same blueprint runs something else tomorrow, and going back brings back the wrong image.",
            "Name a version, like `:1.4.2`, or a digest.",
        ],
    ),
    rule_of(
        "HF004",
        "root",
        Error,
        [
            "a service that runs as root, or an image that does when no user is named",
            "Namespaces enforce the profile `restricted`: a process of root is refused, so the service never starts.",
            "Write `security: {user: 10001}`, and see that the image's files can be read by that user.",
        ],
    ),
    rule_of(
        "HF005",
        "exposed-without-port",
        Error,
        [
            "a service that is exposed and lists no port",
            "There is nothing requests could be sent to: the service gets a host that answers 503.",
            "List where it listens: `ports: [{name: http, containerPort: 8080}]`.",
        ],
    ),
    rule_of(
        "HF006",
        "unknown-variable",
        Error,
        [
            "a variable that the environment does not have, or may not show you",
            "What is missing is an error when it is deployed, and never an empty text.",
            "Correct the name, or store the value: `holdfast secrets set NAME`.",
        ],
    ),
    rule_of(
        "HF007",
        "dependency-cycle",
        Error,
        [
            "services that wait for one another",
            "None of them can be the first: nothing starts. `validate` refuses it, too, as `dependency_cycle`.",
            "Take one of them out of `dependsOn` and let it try again until the other answers.",
        ],
    ),
    rule_of(
        "HF008",
        "literal-secret",
        Error,
        [
            "what looks like a secret, written out in `env`, `command`, `args` or a script",
            "A blueprint is read by everybody who may see the environment, and kept in every version.",
            "Store it with `holdfast secrets set NAME`, then list NAME under `variables` or write `${NAME}`; take it out of the \
         file's history, and replace it where it was used.",
        ],
    ),
    rule_of(
        "HF009",
        "two-writers",
        Error,
        [
            "a volume that two services write to",
            "Storage of one node is given to one pod at a time: the second waits for ever, or both write over each other.",
            "Give each a volume of its own, or write `readOnly: true` where it is only read.",
        ],
    ),
    rule_of(
        "HF010",
        "egress-to-everything",
        Warning,
        [
            "a way out to every address, or to every port of the internet",
            "Whoever gets into the service can take what it holds anywhere.",
            "Name the networks and ports it needs: `internet:443`, `10.1.2.0/24:5432`.",
        ],
    ),
    rule_of(
        "HF011",
        "replicas-share-volume",
        Error,
        [
            "more than one replica of a service that writes to a volume",
            "All replicas are given the same volume: the second waits for ever on another node, or both write over each other.",
            "Run it once, or keep its state in a service of its own.",
        ],
    ),
    fixable(rule_of(
        "HF012",
        "liveness-without-startup",
        Warning,
        [
            "a liveness probe without a startup probe",
            "A start that takes longer than usual, on a busy node or after a migration, is taken for a hang and ended; then it starts \
         anew, for ever.",
            "Write the same question as `startup`, with more `failures`.",
        ],
    )),
    rule_of(
        "HF013",
        "liveness-is-readiness",
        Warning,
        [
            "liveness that asks the same path as readiness",
            "Readiness is lost when something it depends on is away; when liveness asks the same, every service is started anew \
         because of one.",
            "Let liveness ask whether the process itself works: a path of its own, or `{tcp: 8080}`.",
        ],
    ),
    rule_of(
        "HF014",
        "all-variables",
        Warning,
        [
            "a service that gets all variables of the environment",
            "It is given values it has no use for, and is started anew whenever any of them changes.",
            "List those it reads; a star takes a family: `[DATABASE_URL, \"SMTP_*\"]`.",
        ],
    ),
    rule_of(
        "HF015",
        "waits-for-nothing",
        Warning,
        [
            "`dependsOn` a service without a readiness probe",
            "It counts as ready when its process is there, so what waits for it starts too early.",
            "Give the other service a readiness probe.",
        ],
    ),
    rule_of(
        "HF016",
        "public",
        Warning,
        [
            "a service that everybody can reach",
            "Previews hold unfinished work and real-looking data; search engines find them.",
            "Use `auth: members`, or `auth: share` for somebody outside.",
        ],
    ),
    fixable(rule_of(
        "HF017",
        "named-twice",
        Warning,
        [
            "an entry that is there twice, or that a pattern beside it takes already",
            "Whoever takes one of the two out believes that it is gone.",
            "Leave one of them out.",
        ],
    )),
    fixable(rule_of(
        "HF018",
        "unquoted",
        Warning,
        [
            "a value of `env` that other readers of YAML take for a number or for true and false",
            "`yes`, `0755` and `1.10` are texts here; another tool that reads the file makes them true, 493 and 1.1.",
            "Put it in quotes.",
        ],
    )),
    fixable(rule_of(
        "HF019",
        "address-for-network",
        Warning,
        [
            "a network of `egress` whose address is not its first",
            "`10.1.2.3/24` means all of 10.1.2.0/24, and looks like one machine.",
            "Write the network's first address, or `/32` for one machine.",
        ],
    )),
];

/// The rule of this number or name.
pub fn rule(word: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.id.eq_ignore_ascii_case(word) || rule.name == word)
}
