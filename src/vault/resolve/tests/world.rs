//! A world in memory: the source of all resolver tests.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::rc::Rc;

use crate::types::{Id, Secret, SecretBytes, Slug, kinds};
use crate::vault::model::{Flow, FolderPath, SecretName, Visibility};
use crate::vault::resolve::{
    BrokenReference, EnvironmentFacts, EnvironmentId, Found, Options, ResolveError, Resolved, SecretFacts, SecretId,
    Source, State, StoredSecret, resolve_folder, resolve_one,
};

pub(super) const PERSON: Options = Options { may_use_restricted: false };
pub(super) const MACHINE: Options = Options { may_use_restricted: true };

pub(super) fn slug(text: &str) -> Slug {
    Slug::parse(text).expect("a slug")
}

pub(super) fn name(text: &str) -> SecretName {
    SecretName::parse(text).expect("a name")
}

pub(super) fn folder(text: &str) -> FolderPath {
    FolderPath::parse(text).expect("a folder")
}

/// An id made of a number.
fn numbered<K: crate::types::IdKind>(number: usize) -> Id<K> {
    Id::from_bytes((number as u128).to_be_bytes())
}

/// A stored secret with its value.
#[derive(Clone)]
pub(super) struct Row {
    pub(super) facts: SecretFacts,
    pub(super) value: Vec<u8>,
}

/// Environments and secrets, written as `project/environment` and `project/environment:/folder/NAME`.
#[derive(Default)]
pub(super) struct World {
    pub(super) environments: Vec<EnvironmentFacts>,
    pub(super) rows: BTreeMap<(EnvironmentId, FolderPath, SecretName), Row>,
    projects: Vec<Slug>,
    /// Every value that was asked for, in order.
    pub(super) opened: RefCell<Vec<SecretId>>,
    /// How many times single secrets were asked for.
    pub(super) looked_up: RefCell<usize>,
}

impl World {
    /// Adds `project/environment`, beneath `parent` of the same project.
    pub(super) fn add_environment(&mut self, label: &str, parent: Option<&str>, flow: Flow) -> EnvironmentId {
        let (project, environment) = label.split_once('/').expect("project/environment");
        let project_slug = slug(project);
        let project = self.projects.iter().position(|known| *known == project_slug).unwrap_or_else(|| {
            self.projects.push(project_slug.clone());
            self.projects.len() - 1
        });
        let id = numbered(self.environments.len() + 1);
        self.environments.push(EnvironmentFacts {
            id,
            project: numbered::<kinds::Project>(project + 1),
            project_slug,
            slug: slug(environment),
            parent: parent.map(|parent| self.id(parent)),
            flow,
            listed_as: None,
        });
        id
    }

    /// `shop/base` with `shop/staging` beneath it and `shop/feat` beneath that, all with flow `tree`.
    pub(super) fn shop() -> Self {
        let mut world = Self::default();
        world.add_environment("shop/base", None, Flow::Tree);
        world.add_environment("shop/staging", Some("shop/base"), Flow::Tree);
        world.add_environment("shop/feat", Some("shop/staging"), Flow::Tree);
        world
    }

    pub(super) fn id(&self, label: &str) -> EnvironmentId {
        let is_it = |facts: &&EnvironmentFacts| format!("{}/{}", facts.project_slug, facts.slug) == label;
        self.environments.iter().find(is_it).expect("an environment of this world").id
    }

    pub(super) fn facts(&self, id: EnvironmentId) -> &EnvironmentFacts {
        self.environments.iter().find(|facts| facts.id == id).expect("an environment of this world")
    }

    pub(super) fn set_flow(&mut self, label: &str, flow: Flow) {
        let id = self.id(label);
        self.environments.iter_mut().find(|facts| facts.id == id).expect("just found").flow = flow;
    }

    pub(super) fn place(&self, place: &str) -> (EnvironmentId, FolderPath, SecretName) {
        let (label, path) = place.split_once(':').expect("environment:/folder/NAME");
        let (path, last) = path.rsplit_once('/').expect("a folder");
        (self.id(label), folder(if path.is_empty() { "/" } else { path }), name(last))
    }

    /// Stores a row, as `change` makes it of an ordinary masked, interpolated one.
    pub(super) fn put(&mut self, place: &str, value: &[u8], change: impl FnOnce(&mut SecretFacts)) -> SecretId {
        let place = self.place(place);
        let id = self.rows.get(&place).map_or_else(|| numbered(1_000 + self.rows.len()), |row| row.facts.id);
        let version = self.rows.get(&place).map_or(1, |row| row.facts.version + 1);
        let mut facts =
            SecretFacts { id, version, visibility: Visibility::Masked, interpolate: true, state: State::Value };
        change(&mut facts);
        self.rows.insert(place, Row { facts, value: value.to_vec() });
        id
    }

    pub(super) fn set(&mut self, place: &str, value: &str) -> SecretId {
        self.put(place, value.as_bytes(), |_| {})
    }

    pub(super) fn restrict(&mut self, place: &str, value: &str) -> SecretId {
        self.put(place, value.as_bytes(), |facts| facts.visibility = Visibility::Restricted)
    }

    pub(super) fn unset(&mut self, place: &str) -> SecretId {
        self.put(place, b"", |facts| facts.state = State::Unset)
    }

    pub(super) fn delete(&mut self, place: &str) {
        let place = self.place(place);
        self.rows.remove(&place).expect("it was there");
    }

    pub(super) fn folder_of(&self, place: &str, options: Options) -> Result<Resolved, ResolveError<Infallible>> {
        let (label, path) = place.split_once(':').expect("environment:/folder");
        resolve_folder(self, self.id(label), &folder(path), options)
    }

    pub(super) fn one(&self, place: &str, options: Options) -> Result<Found, ResolveError<Infallible>> {
        let (environment, path, name) = self.place(place);
        resolve_one(self, environment, &path, &name, options)
    }

    /// The value at `place`, as a machine gets it; panics when there is none.
    pub(super) fn value(&self, place: &str) -> String {
        match self.one(place, MACHINE) {
            Ok(Found::Value(entry)) => String::from_utf8(entry.value.expose().clone()).expect("text"),
            other => panic!("{place}: {other:?}"),
        }
    }

    /// What is broken about `place`, as lines; panics when it is whole.
    pub(super) fn broken(&self, place: &str) -> Vec<String> {
        match self.one(place, MACHINE) {
            Err(ResolveError::Broken(broken)) => broken.iter().map(BrokenReference::to_string).collect(),
            other => panic!("{place}: {other:?}"),
        }
    }

    /// `NAME=value` for each variable of a folder, as a machine gets them.
    pub(super) fn variables(&self, place: &str) -> Vec<String> {
        let resolved = self.folder_of(place, MACHINE).expect("whole");
        let line = |value: &SecretBytes| String::from_utf8_lossy(value.expose()).into_owned();
        resolved.entries.iter().map(|entry| format!("{}={}", entry.name, line(&entry.value))).collect()
    }
}

impl Source for World {
    type Error = Infallible;

    fn environment(&self, id: EnvironmentId) -> Result<Option<EnvironmentFacts>, Infallible> {
        Ok(self.environments.iter().find(|facts| facts.id == id).cloned())
    }

    fn find_environment(
        &self,
        seen_from: &EnvironmentFacts,
        project: Option<&Slug>,
        environment: &Slug,
    ) -> Result<Option<EnvironmentId>, Infallible> {
        let project = project.unwrap_or(&seen_from.project_slug);
        let found = self.environments.iter().find(|e| e.project_slug == *project && e.slug == *environment);
        Ok(found.map(|facts| facts.id))
    }

    fn secret(
        &self,
        environment: EnvironmentId,
        path: &FolderPath,
        name: &SecretName,
    ) -> Result<Option<SecretFacts>, Infallible> {
        *self.looked_up.borrow_mut() += 1;
        Ok(self.rows.get(&(environment, path.clone(), name.clone())).map(|row| row.facts))
    }

    fn secrets(
        &self,
        environment: EnvironmentId,
        path: &FolderPath,
        beneath: bool,
    ) -> Result<Vec<StoredSecret>, Infallible> {
        let within = |folder: &FolderPath| folder == path || (beneath && path.contains(folder));
        let rows = self.rows.iter().filter(|((stored_in, folder, _), _)| *stored_in == environment && within(folder));
        Ok(rows
            .map(|((_, path, name), row)| StoredSecret { path: path.clone(), name: name.clone(), facts: row.facts })
            .collect())
    }

    fn value(&self, secret: SecretId, version: u32) -> Result<Rc<SecretBytes>, Infallible> {
        self.opened.borrow_mut().push(secret);
        let row = self.rows.values().find(|row| row.facts.id == secret).expect("a stored secret");
        assert_eq!(row.facts.version, version, "the version of the facts");
        assert_eq!(row.facts.state, State::Value, "an unset name has no value to open");
        Ok(Rc::new(Secret::new(row.value.clone())))
    }
}
