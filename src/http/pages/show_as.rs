//! A form in other words: the command, the request, and the line of a file that do the same. Values are placeholders.

use super::visitor::Visitor;

/// The same act on the command line, over HTTP, and as a file.
#[derive(Debug, Clone)]
pub(super) struct ShowAs {
    pub(super) cli: String,
    pub(super) curl: String,
    pub(super) yaml: String,
}

impl ShowAs {
    /// Any act: its command, its request below the API with a body as JSON, and the same as a file.
    pub(super) fn of(
        visitor: &Visitor,
        cli: impl Into<String>,
        (method, path): (&str, &str),
        json: &str,
        yaml: impl Into<String>,
    ) -> Self {
        let base = visitor.state.public_url.as_str().trim_end_matches('/');
        let body = if json.is_empty() { String::new() } else { format!(" \\\n  --json '{json}'") };
        let curl = format!(
            "curl --request {method} '{base}/api/v1{path}' \\\n  --header 'Authorization: Bearer <TOKEN>'{body}"
        );
        Self { cli: cli.into(), curl, yaml: yaml.into() }
    }

    /// Writing a secret.
    pub(super) fn secret(base_url: &str, place: (&str, &str), name: &str, folder: &str) -> Self {
        let (project, environment) = place;
        let shown = if name.is_empty() { "NAME" } else { name };
        let name = quoted(shown);
        let (flag, query) = match folder {
            "" | "/" => (String::new(), String::new()),
            folder => (format!(" --path {folder}"), format!("?path={folder}")),
        };
        let address = format!(
            "{base_url}/api/v1/projects/{project}/environments/{environment}/secrets/{}{query}",
            super::ui::part(shown)
        );
        Self {
            cli: format!(
                "holdfast secrets set {name} --project {project} --environment {environment}{flag} --value-file FILE"
            ),
            curl: format!(
                "curl --request PUT '{address}' \\\n  --header 'Authorization: Bearer <TOKEN>' \\\n  \
                 --json '{{\"value\": \"<VALUE>\"}}'"
            ),
            yaml: format!("{}: <VALUE>", quoted(shown)),
        }
    }

    /// Doing something to several secrets: `tag`, `delete`, `copy` or `move`.
    pub(super) fn chosen(base_url: &str, (project, environment): (&str, &str), act: &str) -> Self {
        let base = format!("{base_url}/api/v1/projects/{project}/environments/{environment}");
        let place = format!("--project {project} --environment {environment}");
        let (cli, path, fields, yaml) = match act {
            "tag" => (
                format!("holdfast secrets edit {place} --tag OLD_TAG --add-tag TAG --dry-run"),
                "edit",
                "\"filter\": {\"secrets\": [{\"name\": \"<NAME>\"}]}, \"change\": {\"add_tags\": [\"<TAG>\"]}",
                "filter:\n  secrets:\n    - name: <NAME>\nchange:\n  add_tags: [<TAG>]",
            ),
            "delete" => (
                format!("holdfast secrets edit {place} --tag OLD_TAG --delete --dry-run"),
                "edit",
                "\"filter\": {\"secrets\": [{\"name\": \"<NAME>\"}]}, \"change\": {\"delete\": true}",
                "filter:\n  secrets:\n    - name: <NAME>\nchange:\n  delete: true",
            ),
            _ => (
                format!("holdfast secrets {act} NAME NAME {place} --to-environment ENVIRONMENT --dry-run"),
                "transfer",
                "\"secrets\": [{\"name\": \"<NAME>\"}], \"to\": {\"environment\": \"<ENVIRONMENT>\"}",
                "secrets:\n  - name: <NAME>\nto:\n  environment: <ENVIRONMENT>",
            ),
        };
        let mode = if path == "transfer" { format!("\"mode\": \"{act}\", ") } else { String::new() };
        Self {
            cli,
            curl: format!(
                "curl --request POST '{base}/{path}?dry_run=true' \\\n  --header 'Authorization: Bearer <TOKEN>' \\\n  \
                 --json '{{{mode}{fields}}}'"
            ),
            yaml: yaml.to_owned(),
        }
    }

    /// Any act that is one request: `cli` says the same on the command line, `fields` are the body's names with what stands
    /// for each value. What is no act on a thing has no file of its own: then the request's fields are one.
    pub(super) fn request(base_url: &str, cli: &str, method: &str, path: &str, fields: &[(&str, &str)]) -> Self {
        let json =
            fields.iter().map(|(name, value)| format!("\"{name}\": {}", json(value))).collect::<Vec<_>>().join(", ");
        let body = if fields.is_empty() { String::new() } else { format!(" \\\n  --json '{{{json}}}'") };
        let header = "--header 'Authorization: Bearer <TOKEN>'";
        Self {
            cli: cli.to_owned(),
            curl: format!("curl --request {method} '{base_url}/api/v1{path}' \\\n  {header}{body}"),
            yaml: fields.iter().map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>().join("\n"),
        }
    }

    /// Making a project.
    pub(super) fn project(base_url: &str) -> Self {
        Self {
            cli: "holdfast projects create SLUG  # --demo fills it with something to look at".into(),
            curl: format!(
                "curl --request POST '{base_url}/api/v1/projects' \\\n  --header 'Authorization: Bearer <TOKEN>' \\\n  \
                 --json '{{\"slug\": \"<SLUG>\"}}'"
            ),
            yaml: "slug: <SLUG>\nname: <NAME>\ndescription: <DESCRIPTION>".into(),
        }
    }

    /// Making an environment.
    pub(super) fn environment(base_url: &str, project: &str) -> Self {
        Self {
            cli: format!("holdfast environments create SLUG --project {project} --parent PARENT --tier staging"),
            curl: format!(
                "curl --request POST '{base_url}/api/v1/projects/{project}/environments' \\\n  \
                 --header 'Authorization: Bearer <TOKEN>' \\\n  \
                 --json '{{\"slug\": \"<SLUG>\", \"parent\": \"<PARENT>\", \"tier\": \"staging\"}}'"
            ),
            yaml: "slug: <SLUG>\nparent: <PARENT>\ntier: staging".into(),
        }
    }
}

/// What stands for a value, as JSON: words and numbers of the language as they are, all else as a text.
fn json(value: &str) -> String {
    let is_plain = matches!(value, "true" | "false" | "null") || value.starts_with('[') || value.parse::<u32>().is_ok();
    if is_plain { value.to_owned() } else { format!("\"{value}\"") }
}

/// A name as a shell takes it whole.
fn quoted(name: &str) -> String {
    let is_plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-./".contains(&b));
    if is_plain { name.to_owned() } else { format!("'{}'", name.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_stays_one_word_of_the_shell() {
        let shown = ShowAs::secret("http://localhost:1", ("shop", "dev"), "A'; rm -rf ~; '", "/api");
        assert!(shown.cli.contains("set 'A'\\''; rm -rf ~; '\\''' --project"), "{}", shown.cli);
        assert!(shown.curl.contains("/secrets/A%27%3B%20rm%20-rf%20~%3B%20%27?path=/api'"), "{}", shown.curl);
    }
}
