//! On a real Kubernetes: `make test-cluster` starts one and hands its administrator's kubeconfig in.

mod account;
mod client;
mod inside;
mod preflight;
mod support;
