//! The matrix of roles and permissions, as the policies decide it, and the policies themselves.

use holdfast::policy::{Context, Engine, Matrix};

#[test]
fn the_matrix_of_roles_and_permissions_is_as_documented() {
    let matrix = Matrix::compute(&Engine::new(), Context::default());
    insta::assert_snapshot!("policy_matrix", matrix.to_string());
}

#[test]
fn the_built_in_policies_are_as_reviewed() {
    insta::assert_snapshot!("policy_source", Engine::new().policy_source());
}
