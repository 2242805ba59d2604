//! The formats of variables, as the API names them.

use serde::Deserialize;
use utoipa::ToSchema;

use crate::vault::format::Format;

/// Formats of an export.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ExportFormat {
    /// With names of what is base64 or withheld.
    #[default]
    Json,
    /// A `.env` file.
    Dotenv,
    /// A YAML mapping.
    Yaml,
    /// A TOML table.
    Toml,
    /// `name,value` records under a heading.
    Csv,
    /// Java properties.
    Properties,
    /// `name=value` lines, as in `.npmrc`.
    Ini,
    /// The `environment:` of a Compose service.
    Compose,
    /// A Secret of Kubernetes.
    KubernetesSecret,
    /// A ConfigMap of Kubernetes; restricted values only with `restricted=include`.
    KubernetesConfigmap,
    /// `export NAME='value'`.
    Shell,
    /// For `docker run --env-file`.
    Docker,
    /// `::add-mask::` lines for a job of GitHub Actions.
    GithubMask,
}

impl ExportFormat {
    /// The format of the vault; none for the API's own answer.
    pub(crate) fn of_vault(self) -> Option<Format> {
        Some(match self {
            Self::Json => return None,
            Self::Dotenv => Format::Dotenv,
            Self::Yaml => Format::Yaml,
            Self::Toml => Format::Toml,
            Self::Csv => Format::Csv,
            Self::Properties => Format::Properties,
            Self::Ini => Format::Ini,
            Self::Compose => Format::Compose,
            Self::KubernetesSecret => Format::KubernetesSecret,
            Self::KubernetesConfigmap => Format::KubernetesConfigmap,
            Self::Shell => Format::Shell,
            Self::Docker => Format::Docker,
            Self::GithubMask => Format::GithubMask,
        })
    }
}

/// Formats that can be imported.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ImportFormat {
    /// A `.env` file.
    Dotenv,
    /// A JSON object of texts.
    Json,
    /// A YAML mapping of texts.
    Yaml,
    /// A TOML table of texts.
    Toml,
    /// Records under a heading of `name`, `value` and maybe `encoding`.
    Csv,
    /// Java properties in UTF-8.
    Properties,
    /// `name=value` lines, as in `.npmrc`.
    Ini,
    /// A Compose file with the `environment:` of one service.
    Compose,
    /// A Secret of Kubernetes.
    KubernetesSecret,
    /// A ConfigMap of Kubernetes.
    KubernetesConfigmap,
}

impl From<ImportFormat> for Format {
    fn from(format: ImportFormat) -> Self {
        match format {
            ImportFormat::Dotenv => Self::Dotenv,
            ImportFormat::Json => Self::Json,
            ImportFormat::Yaml => Self::Yaml,
            ImportFormat::Toml => Self::Toml,
            ImportFormat::Csv => Self::Csv,
            ImportFormat::Properties => Self::Properties,
            ImportFormat::Ini => Self::Ini,
            ImportFormat::Compose => Self::Compose,
            ImportFormat::KubernetesSecret => Self::KubernetesSecret,
            ImportFormat::KubernetesConfigmap => Self::KubernetesConfigmap,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_api_names_every_format_as_the_vault_does() {
        for format in Format::ALL {
            let name = serde_json::json!(format.as_str());
            let export: ExportFormat = serde_json::from_value(name.clone()).expect("every format can be exported");
            assert_eq!(export.of_vault().unwrap_or(Format::Json), format);
            let import: Result<ImportFormat, _> = serde_json::from_value(name);
            assert_eq!(import.ok().map(Format::from), format.can_import().then_some(format));
        }
    }
}
