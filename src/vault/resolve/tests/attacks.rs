//! What must not happen: values that leak, empty values, endless work.

use std::rc::Rc;

use crate::types::{Id, SecretBytes, Slug};
use crate::vault::model::{Flow, FolderPath, SecretName, Visibility};
use crate::vault::resolve::{
    EnvironmentFacts, EnvironmentId, Found, MAX_REFERENCE_DEPTH, MAX_VALUE_LEN, ResolveError, SecretFacts, SecretId,
    Source, StoredSecret, resolve_folder,
};

use super::world::{MACHINE, PERSON, World, folder};

#[test]
fn a_restricted_value_is_withheld_through_two_references_and_not_opened() {
    let mut world = World::shop();
    let key = world.restrict("shop/base:/KEY", "k");
    world.set("shop/base:/HEADER", "Bearer ${KEY}");
    world.set("shop/feat:/CONFIG", "{auth: ${HEADER}}");
    world.set("shop/feat:/PLAIN", "p");
    let resolved = world.folder_of("shop/feat:/", PERSON).expect("whole");
    let withheld: Vec<_> = resolved.withheld.iter().map(SecretName::as_str).collect();
    assert_eq!(withheld, ["CONFIG", "HEADER", "KEY"]);
    assert_eq!(resolved.entries.len(), 1);
    assert!(!world.opened.borrow().contains(&key));
    assert!(matches!(world.one("shop/feat:/CONFIG", PERSON), Ok(Found::Withheld)));

    let resolved = world.folder_of("shop/feat:/", MACHINE).expect("whole");
    assert!(resolved.withheld.is_empty());
    let config = &resolved.entries[0];
    assert_eq!(config.value.expose(), b"{auth: Bearer k}");
    assert_eq!(config.visibility, Visibility::Restricted);
}

#[test]
fn an_override_of_a_restricted_name_is_judged_by_its_own_visibility() {
    let mut world = World::shop();
    world.restrict("shop/base:/KEY", "k");
    world.set("shop/base:/USE", "${KEY}");
    world.set("shop/feat:/KEY", "dummy");
    assert_eq!(world.folder_of("shop/feat:/", PERSON).expect("whole").withheld, []);
    assert_eq!(world.folder_of("shop/staging:/", PERSON).expect("whole").withheld.len(), 2);
}

#[test]
fn a_narrowed_flow_makes_errors_not_fewer_values() {
    let mut world = World::shop();
    world.set("shop/base:/A", "a");
    world.set("shop/base:/B", "b");
    world.set("shop/feat:/B", "mine");
    world.set("shop/feat:/C", "${base.A}");
    assert_eq!(world.variables("shop/feat:/"), ["A=a", "B=mine", "C=a"]);
    world.set_flow("shop/base", Flow::Closed);
    let Err(ResolveError::Broken(broken)) = world.folder_of("shop/feat:/", MACHINE) else { panic!("broken") };
    let lines: Vec<_> = broken.iter().map(ToString::to_string).collect();
    let expected = [
        "shop/feat:/A: the flow of shop/base does not admit shop/feat",
        "shop/feat:/C → shop/base:/A: the flow of shop/base does not admit shop/feat",
    ];
    assert_eq!(lines, expected);
    assert_eq!(world.variables("shop/base:/"), ["A=a", "B=b"], "it always admits itself");
}

#[test]
fn a_blocked_value_does_not_give_way_to_a_farther_one() {
    let mut world = World::shop();
    world.set("shop/base:/A", "farther");
    world.set("shop/staging:/A", "nearer");
    world.set_flow("shop/staging", Flow::Closed);
    assert_eq!(world.broken("shop/feat:/A"), ["shop/feat:/A: the flow of shop/staging does not admit shop/feat"]);
}

#[test]
fn a_value_does_not_pass_through_a_closed_environment() {
    let mut world = World::shop();
    world.set("shop/base:/A", "a");
    world.set("shop/feat:/DIRECT", "${base.A}");
    world.set("shop/feat:/THROUGH", "${staging.A}");
    world.set_flow("shop/staging", Flow::Closed);
    assert_eq!(world.broken("shop/feat:/A").len(), 1);
    assert_eq!(world.broken("shop/feat:/THROUGH").len(), 1);
    assert_eq!(world.value("shop/feat:/DIRECT"), "a", "what base admits itself needs nobody between");
}

#[test]
fn listing_an_environment_lists_its_descendants_and_no_others() {
    let mut world = World::shop();
    world.add_environment("shop/other", Some("shop/base"), Flow::Tree);
    world.add_environment("crm/prod", None, Flow::Tree);
    world.add_environment("crm/child", Some("crm/prod"), Flow::Tree);
    world.set("shop/base:/A", "a");
    world.set("crm/child:/A", "${shop.base:/A}");
    world.set_flow("shop/base", Flow::Listed(vec![world.id("shop/staging"), world.id("crm/prod")]));
    assert_eq!(world.value("shop/staging:/A"), "a");
    assert_eq!(world.value("shop/feat:/A"), "a");
    assert_eq!(world.value("crm/child:/A"), "a");
    assert_eq!(world.broken("shop/other:/A"), ["shop/other:/A: the flow of shop/base does not admit shop/other"]);
}

#[test]
fn a_value_is_not_laundered_through_an_environment_that_may_have_it() {
    let mut world = World::default();
    let middle = world.add_environment("shop/middle", None, Flow::Tree);
    world.add_environment("shop/outer", None, Flow::Tree);
    world.add_environment("vip/vault", None, Flow::Listed(vec![middle]));
    world.set("vip/vault:/KEY", "k");
    world.set("shop/middle:/KEY", "${vip.vault:/KEY}");
    world.set("shop/middle:/WRAPPED", "<${KEY}>");
    world.set("shop/outer:/STOLEN", "${middle.WRAPPED}");
    world.restrict("shop/middle:/SEALED", "${vip.vault:/KEY}");
    assert_eq!(world.value("shop/middle:/WRAPPED"), "<k>");
    let broken = world.broken("shop/outer:/STOLEN");
    let expected = "shop/outer:/STOLEN → shop/middle:/WRAPPED: \
                    a part of it comes from an environment that is not open to shop/outer";
    assert_eq!(broken, [expected]);
    assert!(!broken[0].contains("vip"), "the other project is not named");
}

#[test]
fn what_an_environment_inherits_is_not_its_own_to_give_away() {
    let mut world = World::shop();
    let partner = world.add_environment("crm/partner", None, Flow::Tree);
    world.set_flow("shop/staging", Flow::Listed(vec![partner]));
    world.set("shop/base:/KEY", "k");
    world.set("shop/staging:/OWN", "o");
    world.set("shop/staging:/MIXED", "${OWN}${KEY}");
    world.set("crm/partner:/GIVEN", "${shop.staging:/OWN}");
    assert_eq!(world.value("crm/partner:/GIVEN"), "o");
    for name in ["KEY", "MIXED"] {
        world.set("crm/partner:/TAKEN", &format!("${{shop.staging:/{name}}}"));
        let broken = world.broken("crm/partner:/TAKEN");
        assert!(broken[0].ends_with("a part of it comes from an environment that is not open to crm/partner"));
    }
}

#[test]
fn inheriting_a_template_does_not_carry_what_its_references_may_not() {
    let mut world = World::shop();
    world.add_environment("vip/vault", None, Flow::Listed(vec![world.id("shop/base")]));
    world.set("vip/vault:/KEY", "k");
    world.set("shop/base:/KEY", "${vip.vault:/KEY}");
    assert_eq!(world.value("shop/feat:/KEY"), "k", "listing base lists its descendants");
    let staging_only = Flow::Listed(vec![world.id("shop/staging")]);
    world.set_flow("vip/vault", staging_only);
    assert_eq!(world.value("shop/feat:/KEY"), "k");
    assert_eq!(world.broken("shop/base:/KEY").len(), 1);
}

#[test]
fn a_closed_environment_of_another_project_looks_like_one_that_is_not_there() {
    let mut world = World::shop();
    world.add_environment("vip/vault", None, Flow::Tree);
    world.set("vip/vault:/THERE", "k");
    for target in ["vip.vault:/THERE", "vip.vault:/MISSING", "vip.nowhere:/THERE", "nobody.vault:/THERE"] {
        world.set("shop/feat:/PROBE", &format!("${{{target}}}"));
        let broken = world.broken("shop/feat:/PROBE");
        let reason = broken[0].split_once(": ").expect("a reason").1;
        assert_eq!(reason, "no such environment, or none that is open to shop/feat", "{target}");
    }
}

#[test]
fn a_closed_environment_of_the_same_project_does_not_tell_its_names() {
    let mut world = World::shop();
    world.add_environment("shop/production", None, Flow::Closed);
    world.set("shop/production:/THERE", "k");
    for name in ["THERE", "MISSING"] {
        world.set("shop/feat:/PROBE", &format!("${{production.{name}}}"));
        let expected =
            format!("shop/feat:/PROBE → shop/production:/{name}: the flow of shop/production does not admit shop/feat");
        assert_eq!(world.broken("shop/feat:/PROBE"), [expected]);
    }
}

#[test]
fn a_cycle_through_three_projects_is_told_whole() {
    let mut world = World::default();
    let a = world.add_environment("one/main", None, Flow::Tree);
    let b = world.add_environment("two/main", None, Flow::Tree);
    let c = world.add_environment("three/main", None, Flow::Tree);
    for label in ["one/main", "two/main", "three/main"] {
        world.set_flow(label, Flow::Listed(vec![a, b, c]));
    }
    world.set("one/main:/A", "${two.main:/f/B}");
    world.set("two/main:/f/B", "${three.main:/C}");
    world.set("three/main:/C", "x${one.main:/A}");
    world.set("one/main:/OUTSIDE", "${A}");
    let cycle = "one/main:/A → two/main:/f/B → three/main:/C → one/main:/A: reference cycle";
    assert_eq!(world.broken("one/main:/A"), [cycle]);
    assert_eq!(world.broken("one/main:/OUTSIDE"), [format!("one/main:/OUTSIDE → {cycle}")]);
    let from_b = "two/main:/f/B → three/main:/C → one/main:/A → two/main:/f/B: reference cycle";
    assert_eq!(world.broken("two/main:/f/B"), [from_b]);
}

#[test]
fn every_member_of_a_cycle_tells_it_from_itself_whatever_was_asked_first() {
    let mut world = World::shop();
    world.set("shop/base:/A", "${B}");
    world.set("shop/base:/B", "${C}");
    world.set("shop/base:/C", "${A}");
    world.set("shop/base:/SELF", "${SELF}");
    let Err(ResolveError::Broken(broken)) = world.folder_of("shop/base:/", MACHINE) else { panic!("broken") };
    let starts: Vec<_> = broken.iter().map(|b| b.trail.iter().map(|p| p.name.as_str()).collect::<String>()).collect();
    assert_eq!(starts, ["ABCA", "BCAB", "CABC", "SELFSELF"]);
}

#[test]
fn every_broken_name_is_reported_with_each_of_its_breaks() {
    let mut world = World::shop();
    world.set("shop/base:/FINE", "f");
    world.set("shop/base:/TWO", "${GONE}${nowhere.X}${GONE}");
    world.set("shop/base:/VIA", "${TWO}");
    world.set("shop/base:/WRONG", "a${b");
    let Err(ResolveError::Broken(broken)) = world.folder_of("shop/base:/", MACHINE) else { panic!("broken") };
    let lines: Vec<_> = broken.iter().map(ToString::to_string).collect();
    let expected = [
        "shop/base:/TWO → shop/base:/GONE: not found",
        "shop/base:/TWO → shop/nowhere:/X: no such environment, or none that is open to shop/base",
        "shop/base:/VIA → shop/base:/TWO → shop/base:/GONE: not found",
        "shop/base:/WRONG: the reference at byte 1 has no closing brace",
    ];
    assert_eq!(lines, expected);
    let error: ResolveError<std::convert::Infallible> = ResolveError::Broken(broken);
    assert_eq!(error.code(), Some("reference_broken"));
    assert_eq!(error.to_string(), format!("{} (and 3 more)", expected[0]));
    assert!(error.hint().is_some());
}

/// A chain of `length` references: `N_0` refers to `N_1` and so on.
fn chain(length: usize) -> World {
    let mut world = World::shop();
    for index in 0..length {
        world.set(&format!("shop/base:/N_{index}"), &format!("${{N_{}}}", index + 1));
    }
    world.set(&format!("shop/base:/N_{length}"), "end");
    world
}

#[test]
fn thirty_two_references_in_a_row_are_enough() {
    let world = chain(MAX_REFERENCE_DEPTH);
    assert_eq!(world.value("shop/base:/N_0"), "end");
    assert_eq!(world.folder_of("shop/base:/", MACHINE).expect("whole").entries.len(), MAX_REFERENCE_DEPTH + 1);
    let world = chain(MAX_REFERENCE_DEPTH + 1);
    assert_eq!(world.broken("shop/base:/N_0"), ["shop/base:/N_0: more than 32 references in a row"]);
    assert_eq!(world.value("shop/base:/N_1"), "end");
    let Err(ResolveError::Broken(broken)) = world.folder_of("shop/base:/", MACHINE) else { panic!("broken") };
    assert_eq!(broken.len(), 1, "the order of asking does not matter");
}

#[test]
fn a_very_long_chain_or_cycle_neither_overflows_nor_makes_endless_messages() {
    let mut world = chain(1_500);
    assert!(world.broken("shop/base:/N_0")[0].ends_with("more than 32 references in a row"));
    assert!(world.broken("shop/base:/N_0")[0].len() < 2_000);
    world.delete("shop/base:/N_1500");
    assert!(world.broken("shop/base:/N_0")[0].len() < 2_000);
    world.set("shop/base:/N_1500", "${N_0}");
    assert!(world.broken("shop/base:/N_0")[0].len() < 2_000);
    let Err(ResolveError::Broken(broken)) = world.folder_of("shop/base:/", MACHINE) else { panic!("broken") };
    assert_eq!(broken.len(), 1_501);
}

#[test]
fn a_value_that_doubles_at_every_step_stops_at_one_mebibyte() {
    let mut world = World::shop();
    world.set("shop/base:/N_0", &"x".repeat(1024));
    for index in 1..=30 {
        world.set(&format!("shop/base:/N_{index}"), &"${N_#}".replace('#', &(index - 1).to_string()).repeat(2));
    }
    let Ok(Found::Value(entry)) = world.one("shop/base:/N_10", MACHINE) else { panic!("whole") };
    assert_eq!(entry.value.expose().len(), MAX_VALUE_LEN);
    assert_eq!(world.broken("shop/base:/N_11"), ["shop/base:/N_11: longer than 1048576 bytes"]);
    assert!(world.broken("shop/base:/N_30")[0].ends_with("N_11: longer than 1048576 bytes"));
}

#[test]
fn many_large_values_together_are_refused() {
    let mut world = World::shop();
    world.set("shop/base:/BIG", &"x".repeat(1024 * 1024));
    for index in 0..70 {
        world.set(&format!("shop/base:/N_{index}"), "${BIG}");
    }
    assert!(matches!(world.folder_of("shop/base:/", MACHINE), Err(ResolveError::TooMuch)));
    assert!(world.one("shop/base:/N_1", MACHINE).is_ok());
}

#[test]
fn a_lattice_of_references_costs_what_it_has_names() {
    let mut world = World::shop();
    world.set("shop/base:/N_0", "");
    for index in 1..=30 {
        world.set(&format!("shop/base:/N_{index}"), &"${N_#}".replace('#', &(index - 1).to_string()).repeat(4));
    }
    assert_eq!(world.value("shop/base:/N_30"), "");
    assert_eq!(world.opened.borrow().len(), 31);
}

#[test]
fn parents_in_a_circle_and_unknown_environments_are_errors() {
    let mut world = World::shop();
    let feat = world.id("shop/feat");
    world.environments[0].parent = Some(feat);
    assert!(matches!(world.folder_of("shop/feat:/", MACHINE), Err(ResolveError::TreeTooDeep(id)) if id == feat));
    let nobody = Id::from_bytes([9; 16]);
    let resolved = resolve_folder(&world, nobody, &folder("/"), MACHINE);
    assert!(matches!(resolved, Err(ResolveError::UnknownEnvironment(id)) if id == nobody));
}

/// A world whose vault cannot be opened.
struct Sealed(World);

impl Source for Sealed {
    type Error = &'static str;

    fn environment(&self, id: EnvironmentId) -> Result<Option<EnvironmentFacts>, Self::Error> {
        self.0.environment(id).map_err(|never| match never {})
    }

    fn find_environment(
        &self,
        seen_from: &EnvironmentFacts,
        project: Option<&Slug>,
        environment: &Slug,
    ) -> Result<Option<EnvironmentId>, Self::Error> {
        self.0.find_environment(seen_from, project, environment).map_err(|never| match never {})
    }

    fn secret(
        &self,
        environment: EnvironmentId,
        path: &FolderPath,
        name: &SecretName,
    ) -> Result<Option<SecretFacts>, Self::Error> {
        self.0.secret(environment, path, name).map_err(|never| match never {})
    }

    fn secrets(
        &self,
        environment: EnvironmentId,
        path: &FolderPath,
        beneath: bool,
    ) -> Result<Vec<StoredSecret>, Self::Error> {
        self.0.secrets(environment, path, beneath).map_err(|never| match never {})
    }

    fn value(&self, _: SecretId, _: u32) -> Result<Rc<SecretBytes>, Self::Error> {
        Err("the ciphertext does not belong here")
    }
}

#[test]
fn an_error_of_the_source_is_told_as_it_is() {
    let mut world = World::shop();
    world.set("shop/base:/A", "a");
    let sealed = Sealed(world);
    let resolved = resolve_folder(&sealed, sealed.0.id("shop/base"), &folder("/"), MACHINE);
    assert!(matches!(resolved, Err(ResolveError::Source("the ciphertext does not belong here"))));
}
