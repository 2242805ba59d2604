//! Policies to begin with: texts and tests to be changed before they are saved.

use std::net::IpAddr;

use super::Draft;
use crate::policy::{Case, CaseActor, CaseResource, Mode};
use crate::types::Timestamp;

/// A policy to begin with.
#[derive(Debug, Clone)]
pub struct Template {
    /// Its name.
    pub name: &'static str,
    /// What it is for, and what to change in it.
    pub about: &'static str,
    /// The policy; none where a policy cannot say it.
    pub draft: Option<Draft>,
}

/// 2026-11-25, a Wednesday, at this hour of UTC.
fn wednesday(hour: i64) -> Timestamp {
    Timestamp::from_micros((1_795_564_800 + hour * 3_600) * 1_000_000)
}

fn case(name: &str, action: &str, denied: bool) -> Case {
    Case {
        name: name.to_owned(),
        actor: CaseActor { machine: false, role: "maintainer".to_owned(), id: None },
        action: action.to_owned(),
        resource: CaseResource { tier: Some("production".to_owned()), protected: true, ..CaseResource::default() },
        at: Some(wednesday(10)),
        address: None,
        denied,
    }
}

fn draft(about: &str, source: &str, cases: Vec<Case>) -> Draft {
    Draft { mode: Mode::Observe, description: about.to_owned(), source: source.to_owned(), cases }
}

/// The templates, in the order of the manual.
pub fn templates() -> Vec<Template> {
    vec![working_hours(), office_network(), preview_folder(), people_only(), two_people()]
}

fn working_hours() -> Template {
    let about = "No value of production is shown to people outside working hours. Change zone, days and hours.";
    let source = "@zone(\"Europe/Berlin\")\n\
        forbid (principal is User, action == Action::\"secret.reveal\", resource is Environment)\n\
        when { resource.tier == \"production\" }\n\
        unless { context.time.weekday <= 5 && context.time.hour >= 8 && context.time.hour < 18 };\n";
    let night = Case { at: Some(wednesday(22)), ..case("denied at night", "secret.reveal", true) };
    let staging = CaseResource { tier: Some("staging".to_owned()), ..CaseResource::default() };
    let elsewhere = Case {
        resource: staging,
        at: Some(wednesday(22)),
        ..case("allowed at night in staging", "secret.reveal", false)
    };
    let cases = vec![night, case("allowed by day", "secret.reveal", false), elsewhere];
    Template { name: "working-hours", about, draft: Some(draft(about, source, cases)) }
}

fn office_network() -> Template {
    let about = "Protected environments are used by people from the office network only. Change the network.";
    let source = "forbid (principal is User, action, resource is Environment)\n\
        when { resource.protected }\n\
        unless { context has address && context.address.isInRange(ip(\"203.0.113.0/24\")) };\n";
    let from = |name: &str, address: [u8; 4], denied| Case {
        address: Some(IpAddr::from(address)),
        ..case(name, "secret.use", denied)
    };
    let machine = Case {
        actor: CaseActor { machine: true, role: "maintainer".to_owned(), id: None },
        ..case("machines are not meant", "secret.use", false)
    };
    let cases = vec![
        from("allowed in the office", [203, 0, 113, 9], false),
        from("denied elsewhere", [198, 51, 100, 9], true),
        machine,
    ];
    Template { name: "office-network", about, draft: Some(draft(about, source, cases)) }
}

fn preview_folder() -> Template {
    let about = "Preview environments use the secrets of one folder only. Change the folder.";
    let source = "forbid (\n    principal,\n    action in [Action::\"secret.use\", Action::\"secret.reveal\"],\n    \
        resource is Environment\n)\n\
        when { resource.tier == \"preview\" }\n\
        unless { context has path && (context.path == \"/preview\" || context.path like \"/preview/*\") };\n";
    let at = |name: &str, path: &str, denied| Case {
        resource: CaseResource {
            tier: Some("preview".to_owned()),
            path: Some(path.to_owned()),
            ..CaseResource::default()
        },
        ..case(name, "secret.use", denied)
    };
    let cases = vec![
        at("allowed in the folder", "/preview", false),
        at("allowed beneath it", "/preview/api", false),
        at("denied at the top", "/", true),
        at("denied in a folder that only begins like it", "/previews", true),
    ];
    Template { name: "preview-folder", about, draft: Some(draft(about, source, cases)) }
}

fn people_only() -> Template {
    let about = "Machines change nothing in production: they use what is there.";
    let source = "forbid (\n    principal is ServiceAccount,\n    \
        action in [Action::\"secret.write\", Action::\"secret.delete\", Action::\"environment.update\"],\n    \
        resource is Environment\n)\n\
        when { resource.tier == \"production\" };\n";
    let machine = |name: &str, action: &str, denied| Case {
        actor: CaseActor { machine: true, role: "maintainer".to_owned(), id: None },
        ..case(name, action, denied)
    };
    let cases = vec![
        machine("denied to write", "secret.write", true),
        machine("allowed to use", "secret.use", false),
        case("people write", "secret.write", false),
    ];
    Template { name: "machines-read-only", about, draft: Some(draft(about, source, cases)) }
}

fn two_people() -> Template {
    let about = "Two people for a delete: a policy decides about one act of one person, and cannot say that a second \
        one agrees. That is a rule of approvals: holdfast approvals rules set --help";
    Template { name: "two-people-for-delete", about, draft: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Engine;
    use crate::types::Slug;

    #[test]
    fn every_template_passes_its_own_tests_enforced() {
        let engine = Engine::new();
        for template in templates() {
            let Some(draft) = template.draft else { continue };
            let name = Slug::parse(template.name).unwrap();
            let enforced = Draft { mode: Mode::Enforce, ..draft };
            enforced.check(&engine, &name).unwrap_or_else(|e| panic!("{name}: {e:?}"));
        }
    }

    #[test]
    fn a_test_that_comes_out_otherwise_is_told() {
        let mut draft = office_network().draft.unwrap();
        draft.source = draft.source.replace("203.0.113.0/24", "192.0.2.0/24");
        let failed = draft.check(&Engine::new(), &Slug::parse("mine").unwrap());
        let Err(crate::governance::GovernanceError::CasesFailed(failures)) = failed else { panic!("passed") };
        assert_eq!(failures.iter().map(|f| f.name.as_str()).collect::<Vec<_>>(), ["allowed in the office"]);
    }
}
