//! Clusters as types.

use serde::{Deserialize, Serialize};

use super::access::{Access, AccessError};
use super::client::ClientError;
use crate::types::{Id, ParseError, SecretString, Slug, Timestamp, kinds};

/// Longest name of an image, in bytes.
const IMAGE_MAX: usize = 512;

macro_rules! words {
    ($($(#[$doc:meta])* $type:ident { $($(#[$one:meta])* $variant:ident $word:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $type { $($(#[$one])* $variant,)* }

        impl $type {
            /// The word for it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// Reads the word.
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($word => Some(Self::$variant),)* _ => None }
            }
        }
    )*};
}

words! {
    /// Where a cluster is.
    ClusterKind {
        /// The k3s on this host.
        Local "local",
        /// Anywhere else.
        Remote "remote",
    }
    /// Whether a cluster answered when it was last looked at.
    ClusterState {
        /// Nobody has asked yet.
        Untested "untested",
        /// It answered.
        Reachable "reachable",
        /// It did not.
        Unreachable "unreachable",
    }
    /// How a check ended.
    CheckState {
        /// As it should be.
        Ok "ok",
        /// It works, and could be better.
        Warning "warning",
        /// Environments will not run as they should.
        Failed "failed",
        /// It cannot be known, or was not looked at.
        Unknown "unknown",
    }
}

/// One thing a preflight looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// What, in one word of ours: `version`, `network_policy`, …
    pub name: String,
    /// How it ended.
    pub state: CheckState,
    /// What was found.
    pub found: String,
    /// What to do about it; empty when there is nothing to do.
    pub fix: String,
}

/// A Kubernetes that environments run on. What opens it is not in here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// Its id.
    pub id: Id<kinds::Cluster>,
    /// The tenant.
    pub organization: Id<kinds::Organization>,
    /// Its name.
    pub name: Slug,
    /// Where it is.
    pub kind: ClusterKind,
    /// The address of its API server.
    pub server: String,
    /// Raised with every new credential.
    pub credential: u32,
    /// What the cluster calls us, when it was asked.
    pub account: Option<String>,
    /// The cluster's own id, when it was told.
    pub identity: Option<String>,
    /// The Holdfast image its pods get as their gate.
    pub image: Option<String>,
    /// Whether it answered last.
    pub state: ClusterState,
    /// Since when that is so.
    pub state_since: Timestamp,
    /// Why it did not answer.
    pub message: Option<String>,
    /// Which Kubernetes it is.
    pub version: Option<String>,
    /// What the last preflight found.
    pub checks: Vec<Check>,
    /// When that was.
    pub tested_at: Option<Timestamp>,
    /// Environments that run on it.
    pub environments: u64,
    /// When it was added.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
}

impl Cluster {
    /// The image its pods get as their gate.
    ///
    /// # Errors
    /// None was named: nothing runs there without one.
    pub fn gate_image(&self) -> Result<&str, ClientError> {
        self.image.as_deref().ok_or_else(|| {
            ClientError::Invalid(format!(
                "the cluster has no image for the gate of its pods; set one with: holdfast clusters update {} --image IMAGE",
                self.name
            ))
        })
    }

    /// The worst of what the last preflight found; none when there was none.
    pub fn worst(&self) -> Option<CheckState> {
        let found = |state| self.checks.iter().any(|check| check.state == state);
        let order = [CheckState::Failed, CheckState::Warning, CheckState::Unknown, CheckState::Ok];
        order.into_iter().find(|state| found(*state))
    }
}

/// What a look at a cluster saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// It answered.
    Reachable {
        /// Which Kubernetes it is.
        version: String,
    },
    /// It did not, or not to us.
    Unreachable {
        /// Why not.
        message: String,
    },
}

impl Seen {
    /// What the answer to a question for its version means.
    pub(super) fn of(answer: &Result<String, ClientError>) -> Self {
        match answer {
            Ok(version) => Self::Reachable { version: version.clone() },
            Err(error) => Self::Unreachable { message: error.to_string() },
        }
    }
}

/// How a cluster is to be reached, as somebody gives it.
pub enum Source {
    /// A kubeconfig and the context that is meant; its current one when none is named.
    Kubeconfig {
        /// The text.
        text: SecretString,
        /// The context.
        context: Option<String>,
    },
    /// An address, whom to trust, and a token.
    Token {
        /// `https://host:port`.
        server: String,
        /// PEM; the machine's own authorities when there is none.
        authority: Option<String>,
        /// The token of a service account.
        token: SecretString,
    },
    /// The kubeconfig of the k3s on this host: its text, as the server found it.
    Local {
        /// The text.
        text: SecretString,
    },
}

impl Source {
    pub(super) fn kind(&self) -> ClusterKind {
        match self {
            Self::Local { .. } => ClusterKind::Local,
            Self::Kubeconfig { .. } | Self::Token { .. } => ClusterKind::Remote,
        }
    }

    /// Reads it.
    pub(super) fn open(self) -> Result<Access, AccessError> {
        match self {
            Self::Kubeconfig { text, context } => Access::from_kubeconfig(&text, context.as_deref()),
            Self::Local { text } => Access::from_kubeconfig(&text, None),
            Self::Token { server, authority, token } => Access::by_token(&server, authority.as_deref(), token),
        }
    }
}

/// A cluster that shall be added.
pub struct ClusterAdd {
    /// Its name.
    pub name: Slug,
    /// How it is reached.
    pub source: Source,
    /// The Holdfast image its pods get as their gate.
    pub image: Option<String>,
    /// Whether it is added although nobody has asked it.
    pub unasked: bool,
}

/// What may change of a cluster. What is not named stays.
#[derive(Debug, Clone, Default)]
pub struct ClusterUpdate {
    /// Its name.
    pub name: Option<Slug>,
    /// The Holdfast image its pods get as their gate; empty for none.
    pub image: Option<String>,
}

/// What goes with a cluster.
#[derive(Debug, Clone)]
pub struct ClusterRemoval {
    /// The cluster, as it was.
    pub cluster: Cluster,
}

/// Reads the name of an image; none of an empty text.
pub(super) fn image(text: Option<String>) -> Result<Option<String>, ParseError> {
    let Some(text) = text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()) else { return Ok(None) };
    let fits = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._:/@-".contains(&b));
    if fits && text.len() <= IMAGE_MAX && !text.starts_with(['-', '/', '.', ':']) {
        return Ok(Some(text));
    }
    Err(ParseError::new("image", "is like registry.example/holdfast:1.4"))
}
