//! Reads one source file into the facts that the rules ask about: paths named, functions, attributes.
//!
//! Paths are found in code, in `use` trees, in attributes and inside the tokens of macro calls, so a rule cannot be
//! stepped around by naming a thing in `format!` or in a `derive`.

use proc_macro2::{TokenStream, TokenTree};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// One file, as the rules see it.
pub(crate) struct Facts {
    /// Path from the root of the repository, with `/`: `src/vault/store.rs`.
    pub(crate) file: String,
    pub(crate) lines: usize,
    /// The file begins with `//!`.
    pub(crate) has_module_doc: bool,
    pub(crate) paths: Vec<Named>,
    pub(crate) functions: Vec<Function>,
    pub(crate) attributes: Vec<Named>,
    /// Files of `#[cfg(test)] mod name;`, either spelling: everything in them is a test.
    pub(crate) test_files: BTreeSet<String>,
    /// Lines that hold a note to do something later.
    pub(crate) notes: Vec<usize>,
}

/// A path, macro or attribute, where it stands.
pub(crate) struct Named {
    /// `["crate", "keys", "seal"]`, `["std", "env"]`; a macro is one name with its mark: `["println!"]`.
    pub(crate) segments: Vec<String>,
    pub(crate) line: usize,
    pub(crate) in_test: bool,
    /// From a `use`: then even a single name is a crate, not a local variable.
    pub(crate) is_use: bool,
}

pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) line: usize,
    /// Lines between the braces.
    pub(crate) body_lines: usize,
    pub(crate) in_test: bool,
}

impl Facts {
    /// The facts of one file. `file` is its path from the root of the repository.
    pub(crate) fn read(file: &str, text: &str) -> Result<Self, String> {
        let syntax = syn::parse_file(text).map_err(|error| format!("{file}:{}: {error}", error.span().start().line))?;
        let mut reader = Reader { module: module_path(file), depth_in_test: 0, facts: Self::empty(file, text) };
        reader.visit_file(&syntax);
        Ok(reader.facts)
    }

    fn empty(file: &str, text: &str) -> Self {
        let later = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
        Self {
            file: file.to_owned(),
            lines: text.lines().count(),
            has_module_doc: text.trim_start().starts_with("//!"),
            paths: Vec::new(),
            functions: Vec::new(),
            attributes: Vec::new(),
            test_files: BTreeSet::new(),
            notes: (1..)
                .zip(text.lines())
                .filter(|(_, l)| later.iter().any(|w| l.contains(w)))
                .map(|(n, _)| n)
                .collect(),
        }
    }

    /// The room this file belongs to: `vault` for `src/vault/store.rs`, `op` for `src/op.rs`.
    /// `None` outside `src/` and for `src/lib.rs`, which is the map and imports nothing.
    pub(crate) fn room(&self) -> Option<&str> {
        let inside = self.file.strip_prefix("src/")?;
        let first = inside.split('/').next().unwrap_or(inside);
        Some(first.strip_suffix(".rs").unwrap_or(first)).filter(|room| *room != "lib")
    }
}

/// All Rust files under the given folders of the repository, sorted; what `#[cfg(test)] mod x;` names is marked as test.
pub(crate) fn read_tree(root: &Path, folders: &[&str]) -> Vec<Facts> {
    let mut files = Vec::new();
    for folder in folders {
        list_rust_files(&root.join(folder), 0, &mut files);
    }
    files.sort();
    let mut all: Vec<Facts> = files
        .iter()
        .map(|path| {
            let relative = path.strip_prefix(root).expect("listed under the root").to_string_lossy().replace('\\', "/");
            let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{relative}: {error}"));
            Facts::read(&relative, &text).unwrap_or_else(|error| panic!("{error}"))
        })
        .collect();
    mark_test_files(&mut all);
    all
}

/// Marks everything in the files that a `#[cfg(test)] mod x;` names, and in the folders below them, as test.
pub(crate) fn mark_test_files(all: &mut [Facts]) {
    let tests: BTreeSet<String> = all.iter().flat_map(|facts| facts.test_files.iter().cloned()).collect();
    let below_test = |file: &str| {
        tests.iter().any(|test| {
            let folder = test.strip_suffix("/mod.rs").or_else(|| test.strip_suffix(".rs")).unwrap_or(test);
            file == test || file.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
        })
    };
    for facts in all.iter_mut().filter(|facts| facts.file.starts_with("tests/") || below_test(&facts.file)) {
        facts.paths.iter_mut().for_each(|named| named.in_test = true);
        facts.attributes.iter_mut().for_each(|named| named.in_test = true);
        facts.functions.iter_mut().for_each(|function| function.in_test = true);
    }
}

/// Deep enough for any room; a link that leads in a circle ends here.
const DEEPEST_FOLDER: usize = 12;

fn list_rust_files(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) {
    assert!(depth <= DEEPEST_FOLDER, "{}: folders nest deeper than {DEEPEST_FOLDER}", folder.display());
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let path = entry.expect("a folder entry is readable").path();
        if path.is_dir() {
            list_rust_files(&path, depth + 1, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// `src/vault/store.rs` -> `["vault", "store"]`, `src/vault/mod.rs` -> `["vault"]`, `src/lib.rs` -> `[]`.
fn module_path(file: &str) -> Vec<String> {
    let inside = file.strip_prefix("src/").unwrap_or(file);
    let inside = inside.strip_suffix(".rs").unwrap_or(inside);
    let mut module: Vec<String> = inside.split('/').map(str::to_owned).collect();
    if module.last().is_some_and(|last| last == "mod" || (module.len() == 1 && last == "lib")) {
        module.pop();
    }
    module
}

struct Reader {
    /// Where we are, to resolve `super` and `self`.
    module: Vec<String>,
    depth_in_test: usize,
    facts: Facts,
}

impl Reader {
    fn name(&mut self, segments: Vec<String>, line: usize, is_use: bool) {
        let segments = self.absolute(segments);
        self.facts.paths.push(Named { segments, line, in_test: self.depth_in_test > 0, is_use });
    }

    /// `super::super::keys` in `vault::store` -> `crate::keys`; `self::x` likewise. Other paths stay as they are.
    fn absolute(&self, segments: Vec<String>) -> Vec<String> {
        let ups = segments.iter().take_while(|segment| *segment == "super").count();
        let from_self = segments.first().is_some_and(|first| first == "self");
        if ups == 0 && !from_self {
            // main.rs names the library by its own name.
            if segments.first().is_some_and(|first| first == "holdfast") {
                return std::iter::once("crate".to_owned()).chain(segments.into_iter().skip(1)).collect();
            }
            return segments;
        }
        let skip = ups.max(usize::from(from_self));
        let kept = self.module.len().saturating_sub(ups);
        std::iter::once("crate".to_owned())
            .chain(self.module[..kept].iter().cloned())
            .chain(segments.into_iter().skip(skip))
            .collect()
    }

    fn use_tree(&mut self, prefix: &[String], tree: &syn::UseTree) {
        let with = |name: &syn::Ident| [prefix, &[name.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.use_tree(&with(&path.ident), &path.tree),
            syn::UseTree::Name(name) if name.ident == "self" => {
                self.name(prefix.to_vec(), name.span().start().line, true);
            }
            syn::UseTree::Name(name) => self.name(with(&name.ident), name.span().start().line, true),
            syn::UseTree::Rename(rename) => self.name(with(&rename.ident), rename.span().start().line, true),
            syn::UseTree::Glob(glob) => self.name([prefix, &["*".to_owned()]].concat(), glob.span().start().line, true),
            syn::UseTree::Group(group) => group.items.iter().for_each(|item| self.use_tree(prefix, item)),
        }
    }

    /// Finds `a::b::c` and `name!` in tokens that syn does not parse.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut tokens = tokens.into_iter().peekable();
        let mut path: Vec<String> = Vec::new();
        let mut line = 0;
        let mut colons = 0;
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.flush(&mut path, line);
                        line = ident.span().start().line;
                    }
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' && !path.is_empty() => colons += 1,
                TokenTree::Punct(punct) => {
                    if let Some(last) = path.last_mut().filter(|_| punct.as_char() == '!')
                        && matches!(tokens.peek(), Some(TokenTree::Group(_)))
                    {
                        last.push('!');
                    }
                    self.flush(&mut path, line);
                    colons = 0;
                }
                TokenTree::Group(group) => {
                    self.flush(&mut path, line);
                    colons = 0;
                    self.tokens(group.stream());
                }
                TokenTree::Literal(_) => {
                    self.flush(&mut path, line);
                    colons = 0;
                }
            }
        }
        self.flush(&mut path, line);
    }

    fn flush(&mut self, path: &mut Vec<String>, line: usize) {
        let path = std::mem::take(path);
        if path.len() > 1 || path.last().is_some_and(|last| last.ends_with('!')) {
            self.name(path, line, false);
        }
    }

    fn function(&mut self, name: &syn::Ident, block: &syn::Block) {
        let body = block.brace_token.span;
        let (open, close) = (body.open().start().line, body.close().start().line);
        self.facts.functions.push(Function {
            name: name.to_string(),
            line: name.span().start().line,
            body_lines: close.saturating_sub(open).saturating_sub(1),
            in_test: self.depth_in_test > 0,
        });
    }

    fn within(&mut self, attributes: &[syn::Attribute], visit: impl FnOnce(&mut Self)) {
        let test = usize::from(attributes.iter().any(is_test_only));
        self.depth_in_test += test;
        visit(self);
        self.depth_in_test -= test;
    }

    /// Where `mod name;` of this file may live.
    fn files_of_module(&self, name: &str) -> [String; 2] {
        let file = &self.facts.file;
        let (folder, own) = file.rsplit_once('/').unwrap_or(("", file));
        let folder = match own {
            "mod.rs" | "lib.rs" | "main.rs" => folder.to_owned(),
            _ => format!("{folder}/{}", own.strip_suffix(".rs").unwrap_or(own)),
        };
        [format!("{folder}/{name}.rs"), format!("{folder}/{name}/mod.rs")]
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        self.within(item_attributes(item), |reader| visit::visit_item(reader, item));
    }

    fn visit_impl_item(&mut self, item: &'ast syn::ImplItem) {
        let attributes: &[syn::Attribute] = match item {
            syn::ImplItem::Fn(item) => &item.attrs,
            syn::ImplItem::Const(item) => &item.attrs,
            syn::ImplItem::Type(item) => &item.attrs,
            _ => &[],
        };
        self.within(attributes, |reader| visit::visit_impl_item(reader, item));
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if item.content.is_none() && self.depth_in_test > 0 {
            let files = self.files_of_module(&item.ident.to_string());
            self.facts.test_files.extend(files);
        }
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        item.attrs.iter().for_each(|attribute| self.visit_attribute(attribute));
        self.use_tree(&[], &item.tree);
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig.ident, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.sig.ident, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.function(&item.sig.ident, block);
        }
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.name(segments, path.span().start().line, false);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        let mut segments: Vec<String> = call.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if let Some(last) = segments.last_mut() {
            last.push('!');
        }
        self.name(segments, call.path.span().start().line, false);
        self.tokens(call.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        let line = attribute.span().start().line;
        let in_test = self.depth_in_test > 0;
        let segments: Vec<String> = attribute.path().segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.name(segments.clone(), line, false);
        self.facts.attributes.push(Named { segments, line, in_test, is_use: false });
        if let syn::Meta::List(list) = &attribute.meta {
            self.tokens(list.tokens.clone());
            if list.path.is_ident("cfg_attr") {
                // `cfg_attr(condition, allow(…))` is an attribute too.
                for token in list.tokens.clone() {
                    if let TokenTree::Ident(ident) = token {
                        let segments = vec![ident.to_string()];
                        self.facts.attributes.push(Named { segments, line, in_test, is_use: false });
                    }
                }
            }
        }
    }
}

/// `#[test]` in any spelling, and a `#[cfg(…)]` that only holds in tests.
fn is_test_only(attribute: &syn::Attribute) -> bool {
    if attribute.path().segments.last().is_some_and(|segment| segment.ident == "test") {
        return true;
    }
    match &attribute.meta {
        syn::Meta::List(list) if list.path.is_ident("cfg") => {
            list.parse_args::<syn::Meta>().is_ok_and(|condition| needs_test(&condition))
        }
        _ => false,
    }
}

fn needs_test(condition: &syn::Meta) -> bool {
    type Conditions = syn::punctuated::Punctuated<syn::Meta, syn::Token![,]>;
    let parts = |list: &syn::MetaList| list.parse_args_with(Conditions::parse_terminated).unwrap_or_default();
    match condition {
        syn::Meta::Path(path) => path.is_ident("test"),
        syn::Meta::List(list) if list.path.is_ident("all") => parts(list).iter().any(needs_test),
        syn::Meta::List(list) if list.path.is_ident("any") => parts(list).iter().all(needs_test),
        _ => false,
    }
}

fn item_attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Enum(item) => &item.attrs,
        syn::Item::ExternCrate(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Macro(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Trait(item) => &item.attrs,
        syn::Item::Type(item) => &item.attrs,
        syn::Item::Union(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(file: &str, text: &str) -> Vec<(String, bool)> {
        let facts = Facts::read(file, text).expect("the example parses");
        facts.paths.iter().map(|named| (named.segments.join("::"), named.in_test)).collect()
    }

    fn has(found: &[(String, bool)], path: &str, in_test: bool) -> bool {
        found.iter().any(|(name, test)| name == path && *test == in_test)
    }

    #[test]
    fn paths_are_found_in_use_trees_code_macros_and_derives() {
        let found = names(
            "src/vault/store.rs",
            "use crate::{keys::{self, Key as K}, db::*};\n#[derive(clap::Parser)]\nstruct S(crate::types::Slug);\n\
             fn f() { println!(\"{}\", crate::orgs::x()); }",
        );
        for path in
            ["crate::keys", "crate::keys::Key", "crate::db::*", "clap::Parser", "crate::types::Slug", "println!"]
        {
            assert!(has(&found, path, false), "{path} not found in {found:?}");
        }
        assert!(has(&found, "crate::orgs::x", false), "inside the macro: {found:?}");
    }

    #[test]
    fn super_and_self_are_resolved_from_the_module_of_the_file() {
        let found = names("src/vault/store.rs", "use super::super::keys::Key; mod inner { use super::super::model; }");
        assert!(has(&found, "crate::keys::Key", false), "{found:?}");
        assert!(has(&found, "crate::vault::model", false), "{found:?}");
    }

    #[test]
    fn test_code_is_marked_and_cfg_not_test_is_not() {
        let found = names(
            "src/vault/mod.rs",
            "#[cfg(test)] mod tests { use crate::a; }\n#[cfg(not(test))] use crate::b;\n#[cfg(all(test, unix))] use crate::c;\n\
             #[cfg(any(test, unix))] use crate::d;\n#[test] fn t() { crate::e(); }",
        );
        for (path, in_test) in
            [("crate::a", true), ("crate::b", false), ("crate::c", true), ("crate::d", false), ("crate::e", true)]
        {
            assert!(has(&found, path, in_test), "{path} test={in_test}: {found:?}");
        }
    }

    #[test]
    fn files_of_a_test_module_are_tests_with_all_below_them() {
        let read = |file, text| Facts::read(file, text).expect("the example parses");
        let mut all = [
            read("src/vault/mod.rs", "#[cfg(test)] mod tests; mod model;"),
            read("src/vault/tests.rs", "use crate::http::X;"),
            read("src/vault/tests/big.rs", "use crate::http::X;"),
            read("src/vault/model.rs", "use crate::http::X;"),
        ];
        mark_test_files(&mut all);
        let in_test: Vec<bool> = all[1..].iter().map(|facts| facts.paths[0].in_test).collect();
        assert_eq!(in_test, [true, true, false]);
    }

    #[test]
    fn body_lines_are_those_between_the_braces() {
        let facts = Facts::read("src/a.rs", "fn one() {}\nfn three() {\n    1;\n    2;\n    3;\n}\n").expect("parses");
        let lines: Vec<usize> = facts.functions.iter().map(|function| function.body_lines).collect();
        assert_eq!(lines, [0, 3]);
    }
}
