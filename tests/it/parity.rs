//! Every capability is there by API, by command and by page. What the three can do is read from the OpenAPI document,
//! from the requests the command line's sources make, and from the operations that the pages' handlers call.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// Operations no command makes, and why.
const NO_COMMAND: &[(&str, &str)] = &[
    ("healthz", "for probes and balancers, not for people"),
    ("readyz", "for probes and balancers, not for people"),
    ("openapi", "a document for tools; curl fetches it"),
    ("blueprint_schema", "`holdfast blueprint schema` writes the same from the binary, without a server"),
    ("cluster_manifest", "`holdfast cluster manifest` writes the same from the binary, without a server"),
    ("secret_reveal", "for cookies, which a command has not: it reads by GET with its token"),
    ("passkey_begin", "a browser asks the device for its key; `holdfast account passkeys` lists, renames and removes"),
    ("passkey_add", "the end of the same"),
    ("session_step_up_passkey", "a browser asks the device for its key; a command shows a password"),
    ("instance_health", "the command asks for a new look each time"),
    ("instance_get", "what `whoami`, `doctor` and the address itself tell a person"),
];

/// Operations of the rooms no page calls, and why.
const NO_PAGE: &[(&[&str], &str)] = &[
    (&["audit_follow", "audit_export", "runtime_follow"], "the page's script and links ask the API's own address"),
    (
        &["runtime_enter", "runtime_exec", "runtime_forward", "forward_plan"],
        "a terminal and a port are the command line's: the page of the services shows its commands, ready to copy",
    ),
    (
        &[
            "environment_list",
            "project_list",
            "secret_list",
            "secret_search",
            "organization_get",
            "whoami",
            "folder_list",
        ],
        "pages show the same by lookups of their own: the rail, the trees, the table, the search",
    ),
    (&["local_allowed"], "the page reads its form as the API reads its body, which asks this"),
    (&["session_refresh"], "a command replaces its own token; a browser has a cookie"),
    (&["passkey_ask_again"], "the page's script asks the API's own handler"),
    (&["device_begin", "device_token"], "the side of the machine that is to be signed in"),
    (&["link_get", "link_open"], "the page of a link does it in the browser, where its key is"),
    (&["account_get"], "the page of the account asks for the address, which tells all of it"),
    (&["invitation_offer"], "the page of an invitation shows what accepting it does without asking first"),
    (&["scan_candidates", "scan_matches"], "a scan reads files where the command runs"),
    (&["expiry_get", "folder_create", "of_flow", "of_move"], "a part of something else that is asked of a server"),
    (
        &["audit_checkpoint", "audit_verify", "key_verify"],
        "whoever distrusts the server asks from elsewhere, by command",
    ),
];

/// Lookups of pages no endpoint makes, and why.
const PAGE_ONLY: &[(&str, &str)] = &[
    ("author_names", "the API gives ids, and names where it lists people"),
    ("forest", "what the lists of projects and environments tell, at once"),
    ("groves", "the same, a page of it"),
    ("organization_extent", "how much goes with an organization: a command names the slug and is asked to confirm it"),
    ("spot", "the first lines of the same lists whose name holds what is typed"),
    ("givable", "which roles a form offers: the API refuses what is not held"),
    ("organization_own", "what the list of organizations tells of the one that is shown"),
    ("passkey_ask", "a browser's sign-in by a device; a command signs in by code"),
    ("passkey_sign_in", "the end of the same"),
    ("sign_in_first", "a page asks for the second factor after the password; the API takes both at once"),
    ("sign_in_second", "the second step of it"),
    ("outline", "what whoami and the lists tell, at once"),
    ("secret_spot", "the search of the API, cut to what a palette shows"),
    ("secret_table", "what the list of secrets tells, with names for ids"),
    ("secret_tree", "what the list of environments tells, with counts"),
];

fn sources(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("readable") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") && path.file_stem().is_some_and(|s| s != "tests") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn text(path: &Path) -> String {
    let all = fs::read_to_string(path).expect("readable");
    all.split("#[cfg(test)]").next().unwrap_or_default().to_owned()
}

/// A part of an address: a word, or whatever stands for one.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Word(String),
    Any,
}

/// A request the command line makes: its method where the source says it in one place, and its path.
#[derive(Debug)]
struct Made {
    method: Option<String>,
    parts: Vec<Part>,
}

/// What is between a bracket and its partner.
fn bracketed(text: &str, at: usize) -> Option<&str> {
    let mut depth = 0;
    for (offset, byte) in text[at..].bytes().enumerate() {
        match byte {
            b'[' | b'(' | b'{' => depth += 1,
            b']' | b')' | b'}' => {
                depth -= 1;
                if depth == 0 {
                    return text.get(at + 1..at + offset);
                }
            }
            _ => {}
        }
    }
    None
}

fn parts(list: &str, constants: &BTreeMap<String, String>) -> Vec<Part> {
    let mut items = vec![String::new()];
    let mut depth = 0;
    for c in list.chars() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                items.push(String::new());
                continue;
            }
            _ => {}
        }
        items.last_mut().expect("one").push(c);
    }
    let items = items.iter().map(|item| item.trim().trim_start_matches('&')).filter(|item| !item.is_empty());
    let part = |item: &str| match (item.strip_prefix('"').and_then(|i| i.strip_suffix('"')), constants.get(item)) {
        (Some(word), _) => Part::Word(word.to_owned()),
        (None, Some(word)) => Part::Word(word.clone()),
        (None, None) => Part::Any,
    };
    items.map(part).collect()
}

/// Every list of path segments in the command line's sources.
fn made() -> Vec<Made> {
    let mut all = Vec::new();
    for file in sources("src/cli") {
        let text = text(&file);
        let constants = text.split("const ").skip(1).filter_map(|rest| {
            let (name, value) = rest.split_once(": &str = \"")?;
            let is_name = name.chars().all(|c| c.is_ascii_uppercase() || c == '_');
            is_name.then(|| (name.to_owned(), value.split('"').next().unwrap_or_default().to_owned()))
        });
        let constants: BTreeMap<_, _> = constants.collect();
        for (at, _) in text.match_indices('[') {
            let Some(list) = bracketed(&text, at) else { continue };
            let before: String = text[..at].split_whitespace().collect::<Vec<_>>().join(" ");
            let before = before.trim_end_matches('&');
            let is_below = before.ends_with("below(");
            let head = before.rsplit("Request::").next().unwrap_or_default();
            let head = head.split(['(', ' ']).next().filter(|_| head.len() < 40).unwrap_or_default();
            let is_request = ["get", "post", "put", "patch", "delete"].contains(&head) && before.contains("Request::");
            let mut parts = parts(list, &constants);
            if is_below {
                let place = ["projects", "", "environments", ""];
                let place = place.map(|w| if w.is_empty() { Part::Any } else { Part::Word(w.to_owned()) });
                parts = place.into_iter().chain(parts).collect();
            }
            if parts.first().is_some_and(|part| *part != Part::Any) {
                all.push(Made { method: is_request.then(|| head.to_uppercase()), parts });
            }
        }
    }
    assert!(all.len() > 100, "the command line lost its requests: {}", all.len());
    all
}

fn is_made(made: &[Made], method: &str, path: &str) -> bool {
    let wanted: Vec<&str> = path.trim_start_matches("/api/v1/").split('/').collect();
    made.iter().any(|one| {
        one.method.as_deref().is_none_or(|m| m == method)
            && one.parts.len() == wanted.len()
            && one.parts.iter().zip(&wanted).all(|(part, wanted)| match part {
                Part::Word(word) => word == wanted,
                Part::Any => true,
            })
    })
}

/// The operations of the rooms: asynchronous functions whose first argument is an `Op`.
fn operations() -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for room in ["vault", "cluster", "governance", "links", "orgs", "auth", "runtime"] {
        for file in sources(&format!("src/{room}")) {
            let text = text(&file);
            for rest in text.split("pub async fn ").skip(1) {
                let Some((name, arguments)) = rest.split_once('(') else { continue };
                if arguments.trim_start().starts_with("op: &Op") {
                    all.insert(name.split('<').next().unwrap_or(name).to_owned());
                }
            }
        }
    }
    assert!(all.len() > 100, "the rooms lost their operations: {}", all.len());
    all
}

fn words(files: &[PathBuf]) -> BTreeSet<String> {
    let split = |c: char| !c.is_ascii_alphanumeric() && c != '_';
    files.iter().flat_map(|f| text(f).split(split).map(str::to_owned).collect::<Vec<_>>()).collect()
}

#[test]
fn every_capability_is_there_by_api_command_and_page() {
    let document: Value = serde_json::from_str(holdfast::http::document()).expect("JSON");
    let (made, mut lacking) = (made(), Vec::new());
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let id = operation["operationId"].as_str().expect("an id");
            if !is_made(&made, &method.to_uppercase(), path) && NO_COMMAND.iter().all(|(known, _)| *known != id) {
                lacking.push(format!("no command makes {id} ({} {path})", method.to_uppercase()));
            }
        }
    }
    let operations = operations();
    let api = words(&sources("src/http/api"));
    let mut pages = sources("src/http/pages");
    pages.push(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http/sign_in.rs"));
    pages.push(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http/link_page.rs"));
    let pages = words(&pages);
    for operation in operations.iter().filter(|name| api.contains(*name)) {
        if !pages.contains(operation) && NO_PAGE.iter().all(|(known, _)| !known.contains(&operation.as_str())) {
            lacking.push(format!("no page calls {operation}"));
        }
    }
    for operation in operations.iter().filter(|name| pages.contains(*name) && !api.contains(*name)) {
        if PAGE_ONLY.iter().all(|(known, _)| known != operation) {
            lacking.push(format!("a page calls {operation}, the API does not"));
        }
    }
    let known = NO_PAGE.iter().flat_map(|(known, _)| *known).chain(PAGE_ONLY.iter().map(|(known, _)| known));
    for gone in known.filter(|known| !operations.contains(**known)) {
        lacking.push(format!("an exception for {gone}, which is no operation"));
    }
    assert!(lacking.is_empty(), "{} of {} operations:\n{}", lacking.len(), operations.len(), lacking.join("\n"));
}

#[test]
fn the_comparison_can_fail() {
    let made = made();
    assert!(is_made(&made, "POST", "/api/v1/jobs/{job}/run"));
    assert!(!is_made(&made, "DELETE", "/api/v1/jobs/{job}/run"));
    assert!(!is_made(&made, "GET", "/api/v1/no/such/thing"));
    assert!(operations().contains("job_run") && !operations().contains("no_such_operation"));
    let reasons = NO_COMMAND.iter().chain(PAGE_ONLY).map(|(_, why)| why).chain(NO_PAGE.iter().map(|(_, why)| why));
    assert!(reasons.clone().all(|why| why.len() > 10), "each exception has a reason");
}
