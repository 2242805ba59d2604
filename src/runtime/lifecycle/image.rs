//! Which image ran, as a node tells it, and how it is asked for again.

use std::collections::BTreeMap;

use crate::runtime::blueprint::{Blueprint, Image, Label};

/// Characters of a digest after `sha256:`.
const DIGEST: usize = 64;

/// The host of images that no registry has.
const NOWHERE: &str = "localhost";

fn is_digest(text: &str) -> bool {
    let hex = text.strip_prefix("sha256:");
    hex.is_some_and(|hex| hex.len() == DIGEST && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
}

/// What a node tells of an image, if it names exactly one: `name@sha256:…`, or `sha256:…` of one that was imported.
pub(in crate::runtime) fn digest_of(told: &str) -> Option<&str> {
    // Older runtimes say how they came by it.
    let told = told.split_once("://").map_or(told, |(_, rest)| rest);
    let is_one = is_digest(told) || Image::parse(told).is_ok_and(|image| image.has_digest());
    is_one.then_some(told)
}

/// The host that is meant, and the path there.
fn place(name: &str) -> (&str, &str) {
    let (host, path) = match name.split_once('/') {
        Some((host, path)) if host.contains(['.', ':']) || host == NOWHERE => (host, path),
        _ => ("docker.io", name),
    };
    (host, if host == "docker.io" { path.strip_prefix("library/").unwrap_or(path) } else { path })
}

/// The image of a blueprint as exactly the one that ran; none where no registry can be asked for that: it was imported, it
/// went by another name, or the blueprint names a digest itself.
pub(in crate::runtime) fn pinned(asked: &Image, ran: &str) -> Option<String> {
    let (name, digest) = digest_of(ran)?.split_once('@')?;
    let tagless = asked.tag().map_or(asked.as_str(), |tag| {
        let end = asked.as_str().len().saturating_sub(tag.len() + 1);
        asked.as_str().get(..end).unwrap_or_default()
    });
    let ran = Image::parse(name).ok()?;
    let is_same = !asked.has_digest() && ran.tag().is_none() && place(tagless) == place(name);
    if !is_same || place(name).0 == NOWHERE {
        return None;
    }
    let pinned = format!("{}@{digest}", asked.as_str());
    Image::parse(&pinned).is_ok().then_some(pinned)
}

/// The images of a blueprint, by service, as exactly those that ran; those that cannot be told so are left out.
pub(in crate::runtime) fn pins(blueprint: &Blueprint, ran: &BTreeMap<Label, String>) -> BTreeMap<Label, String> {
    let pin = |name: &Label, image: &Image| Some((name.clone(), pinned(image, ran.get(name)?)?));
    blueprint.services.iter().filter_map(|service| pin(&service.name, &service.image)).collect()
}

/// The images to render with: those a revision is held to, and the blueprint's for all other services.
pub(in crate::runtime) fn images(blueprint: &Blueprint, pins: &BTreeMap<Label, String>) -> BTreeMap<Label, String> {
    let image = |name: &Label, image: &Image| pins.get(name).cloned().unwrap_or_else(|| image.as_str().to_owned());
    blueprint.services.iter().map(|s| (s.name.clone(), image(&s.name, &s.image))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_registry_serves_is_pinned() {
        let digest = format!("sha256:{}", "a1".repeat(32));
        let pin = |asked: &str, ran: &str| pinned(&Image::parse(asked).expect("an image"), ran);
        let of = |name: &str| format!("{name}@{digest}");
        assert_eq!(pin("nginx:1.27", &of("docker.io/library/nginx")), Some(of("nginx:1.27")));
        assert_eq!(pin("nginx", &of("docker.io/library/nginx")), Some(of("nginx")));
        assert_eq!(pin("r.example:5000/a/b:1", &of("r.example:5000/a/b")), Some(of("r.example:5000/a/b:1")));
        assert_eq!(pin("nginx:1", &of("docker-pullable://docker.io/library/nginx")), Some(of("nginx:1")));
        // Imported, by another name, of no registry, or exact already.
        assert_eq!(pin("nginx:1.27", &digest), None);
        assert_eq!(pin("nginx:1.27", &of("docker.io/library/import-2026-11-28")), None);
        assert_eq!(pin("nginx:1.27", &of("evil.example/library/nginx")), None);
        assert_eq!(pin("localhost/a:1", &of("localhost/a")), None);
        assert_eq!(pin(&of("nginx"), &of("docker.io/library/nginx")), None);
    }

    #[test]
    fn what_is_no_digest_is_not_kept() {
        let digest = format!("sha256:{}", "0".repeat(64));
        assert_eq!(digest_of(&digest), Some(digest.as_str()));
        let long = format!("{}@{digest}", "a".repeat(600));
        let upper = format!("nginx@sha256:{}", "A".repeat(64));
        for wrong in
            ["", "@", "://", "nginx:1", "sha256:", "sha256:12", "nginx@sha256:é", "a b@sha256:0", &long, &upper]
        {
            assert_eq!(digest_of(wrong), None, "{wrong}");
        }
        assert_eq!(digest_of(&format!("<b>@{digest}")), None);
        assert_eq!(digest_of(&format!("nginx@{digest}\n")), None);
    }
}
