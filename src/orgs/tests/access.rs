//! Asking who one is, who may do what, and why.

use crate::ledger::Outcome;
use crate::orgs::OrgError;
use crate::orgs::access::{ActorFacts, Evaluation, PrincipalName, Question, evaluate, matrix, whoami};
use crate::orgs::service_account::{ServiceAccountUpdate, service_account_update};
use crate::orgs::testing::{World, code, names};
use crate::policy::Action;
use crate::policy::BuiltinRole::{Developer, Maintainer, Viewer};

fn ask(actor: PrincipalName, action: &str, node: &str) -> Question {
    let (project, environment) = names(node);
    Question { actor, action: action.to_owned(), project, environment }
}

#[tokio::test]
async fn ones_own_rights_are_explained_for_free_and_others_to_who_may_ask() {
    let world = World::new().await;
    world.shop().await;
    let dev = world.person("dev", &[(Developer, "shop")]).await;
    let bob = world.person("bob", &[(Viewer, "shop/staging")]).await;
    let (op, mia) = (world.op_as(&dev), world.person("mia", &[(Maintainer, "shop")]).await);
    let own = evaluate(&op, ask(PrincipalName::Own, "secret.use", "shop/staging")).await.unwrap();
    assert!(own.allow && own.policies.contains(&"role.developer".to_owned()), "{own:?}");
    let own = evaluate(&op, ask(dev.name(), "secret.use", "shop/production")).await.unwrap();
    assert_eq!((own.allow, own.missing.unwrap().as_str()), (false, "secret.use.protected"));
    let about_bob = || ask(PrincipalName::User(bob.email.clone()), "secret.use", "shop/staging");
    assert_eq!(code(evaluate(&op, about_bob()).await), "permission_denied");
    assert_eq!(world.events("access.explain", Outcome::Denied).len(), 1);
    let answer: Result<Evaluation, OrgError> = evaluate(&world.op_as(&mia), about_bob()).await;
    assert!(!answer.unwrap().allow);
    assert_eq!(code(evaluate(&op, ask(PrincipalName::Own, "secret.think", "shop")).await), "invalid_value");
    let operator = evaluate(&world.owner(), ask(PrincipalName::Own, "org.create", "")).await.unwrap();
    assert!(operator.allow);
}

#[tokio::test]
async fn nobody_unseen_is_explained_and_who_is_disabled_may_nothing() {
    let world = World::new().await;
    world.shop().await;
    let other = world.op_as(&world.elsewhere().await);
    let bob = world.person("bob", &[]).await;
    assert_eq!(code(evaluate(&other, ask(bob.name(), "secret.use", "")).await), "not_found");
    assert_eq!(code(evaluate(&other, ask(PrincipalName::Own, "secret.use", "shop")).await), "project_not_found");
    assert_eq!(
        code(evaluate(&world.op_as(&bob), ask(PrincipalName::Own, "secret.use", "shop/base")).await),
        "environment_not_found"
    );
    world.machine("ci", Developer, "shop").await;
    let about = || ask(PrincipalName::ServiceAccount("ci".into()), "secret.use", "shop/base");
    assert!(evaluate(&world.owner(), about()).await.unwrap().allow);
    let change = ServiceAccountUpdate { name: None, disabled: Some(true) };
    service_account_update(&world.owner(), "ci".into(), change).await.unwrap();
    assert!(!evaluate(&world.owner(), about()).await.unwrap().allow);
}

#[tokio::test]
async fn the_matrix_is_what_the_policies_say() {
    let world = World::new().await;
    world.shop().await;
    let op = world.op_as(&world.person("dev", &[(Developer, "shop")]).await);
    let all = matrix(&op, None, None).await.unwrap();
    assert_eq!(all.resources, ["organization", "project", "environment", "protected_environment"]);
    assert!(all.allows("developer", Action::SecretUse, 2) && !all.allows("developer", Action::SecretUse, 3));
    let one = matrix(&op, Some("shop"), Some("production")).await.unwrap();
    assert_eq!(one.resources, ["shop/production"]);
    assert!(one.allows("maintainer", Action::SecretUse, 0) && !one.allows("developer", Action::SecretUse, 0));
    assert_eq!(code(matrix(&op, Some("lab"), None).await), "project_not_found");
}

#[tokio::test]
async fn whoami_says_who_where_by_what_and_which_rights() {
    let world = World::new().await;
    world.shop().await;
    let ada = whoami(&world.owner()).await.unwrap();
    assert!(ada.instance_operator && ada.permissions.len() > 60, "{}", ada.permissions.len());
    assert_eq!(ada.organization.slug.as_str(), "acme");
    let ci = world.machine("ci", Developer, "shop/staging").await;
    let ci = whoami(&world.op_as(&ci)).await.unwrap();
    assert!(matches!(&ci.actor, ActorFacts::ServiceAccount(a) if a.name == "ci"));
    assert_eq!((ci.permissions.len(), ci.instance_operator), (0, false));
    let place = &ci.grants[0].place;
    assert_eq!(place.project.as_ref().unwrap().1.as_str(), "shop");
    assert_eq!(place.environment.as_ref().unwrap().1.as_str(), "staging");
}
