//! What each face declares, read from its sources.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::{Attribute, ImplItem, Item, TraitItem, Type, UseTree, Visibility};

use crate::repository;

/// A face of the library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Face {
    C,
    Rust,
    Cpp,
    Python,
    Lisp,
    Http,
}

impl Face {
    pub const ALL: [Face; 6] = [Face::C, Face::Rust, Face::Cpp, Face::Python, Face::Lisp, Face::Http];

    pub fn name(self) -> &'static str {
        match self {
            Face::C => "C",
            Face::Rust => "Rust",
            Face::Cpp => "C++",
            Face::Python => "Python",
            Face::Lisp => "Lisp",
            Face::Http => "HTTP",
        }
    }
}

/// The names that each face declares.
pub type Declarations = BTreeMap<Face, BTreeSet<String>>;

pub fn declarations() -> Declarations {
    let read = |path: &str| fs::read_to_string(repository(path)).unwrap();
    let names = |face| match face {
        Face::C => in_c(&read("ffi/include/longwave.h")),
        Face::Rust => in_rust(),
        Face::Cpp => in_cpp(&read("ffi/include/longwave.hpp")),
        Face::Python => in_python(&read("bindings/python/longwave.py")),
        Face::Lisp => in_lisp(&read("bindings/lisp/package.lisp")),
        Face::Http => in_http(&read("src/api/openapi.json")),
    };
    Face::ALL.into_iter().map(|face| (face, names(face))).collect()
}

/// The word that stands before the first parenthesis.
fn called(line: &str) -> Option<&str> {
    let before = line.split_once('(')?.0;
    let word = before.rsplit(|c: char| !c.is_alphanumeric() && c != '_').next()?;
    (!word.is_empty() && !before.ends_with('~') && !before.contains("operator")).then_some(word)
}

/// The functions of `longwave.h`.
fn in_c(header: &str) -> BTreeSet<String> {
    let code = header.lines().filter(|line| !line.starts_with("//") && !line.starts_with("typedef"));
    code.filter_map(called).filter(|name| name.starts_with("lw_")).map(str::to_owned).collect()
}

/// The functions of `longwave.hpp`, and the public methods of its classes as `class::method`.
fn in_cpp(header: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let (mut class, mut is_public, mut is_detail) = (None, false, false);
    for line in header.lines() {
        match line {
            "namespace detail {" => is_detail = true,
            "} // namespace detail" => is_detail = false,
            _ if is_detail || line.trim_start().starts_with("//") => {}
            "public:" => is_public = true,
            "private:" => is_public = false,
            "};" => class = None,
            _ if line.starts_with("class ") || line.starts_with("struct ") => {
                class = line.split([' ', ':']).nth(1);
                is_public = line.starts_with("struct ");
            }
            _ if line.starts_with("inline ") => names.extend(called(line).map(str::to_owned)),
            _ => {
                let is_member = line.starts_with("    ") && line[4..].starts_with(char::is_alphabetic);
                if let (Some(class), true, true) = (class, is_public, is_member)
                    && !line.trim_start().starts_with("using ")
                    && !line.contains("&&) = default")
                    && !line.trim_start().starts_with('~')
                    && let Some(method) = called(line)
                {
                    names.insert(format!("{class}::{method}"));
                }
            }
        }
    }
    names
}

/// The functions and classes of `longwave.py`, and the methods of its classes as `Class.method`.
fn in_python(module: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let (mut class, mut of_handles) = (None, BTreeSet::new());
    for line in module.lines() {
        if let Some(rest) = line.strip_prefix("class ") {
            let name = rest.split(['(', ':']).next().unwrap();
            class = Some(name);
            if rest.contains("(_Handle)") {
                of_handles.insert(name);
            }
            names.insert(name.to_owned());
        } else if let Some(name) = line.strip_prefix("def ").and_then(called) {
            class = None;
            names.insert(name.to_owned());
        } else if let (Some(class), Some(name)) = (class, line.strip_prefix("    def ").and_then(called)) {
            names.insert(format!("{class}.{name}"));
        } else if line.starts_with(|first: char| first.is_alphanumeric()) {
            class = None;
        }
    }
    // What all handles have, each of them has.
    let shared: Vec<_> = names.iter().filter_map(|name| name.strip_prefix("_Handle.")).collect();
    let shared = shared.iter().flat_map(|name| of_handles.iter().map(move |class| format!("{class}.{name}")));
    let shared: Vec<_> = shared.collect();
    names.extend(shared);
    let is_private = |name: &String| name.split('.').any(|part| part.starts_with('_'));
    names.into_iter().filter(|name| !is_private(name)).collect()
}

/// What the package exports.
fn in_lisp(package: &str) -> BTreeSet<String> {
    let exports = package.split_once("(:export").unwrap().1;
    let code = exports.lines().filter(|line| !line.trim_start().starts_with(';'));
    let words = code.flat_map(|line| line.split(|c: char| c.is_whitespace() || c == ')'));
    words.filter_map(|word| word.strip_prefix("#:")).map(str::to_owned).collect()
}

/// The operations of the API.
fn in_http(openapi: &str) -> BTreeSet<String> {
    let document: serde_json::Value = serde_json::from_str(openapi).unwrap();
    let paths = document["paths"].as_object().unwrap().values();
    let operations = paths.flat_map(|path| path.as_object().unwrap().values());
    operations.filter_map(|operation| Some(operation.get("operationId")?.as_str()?.to_owned())).collect()
}

/// What the crate `longwave` exports: types, functions, and the functions of types and traits as
/// `Type::function`.
fn in_rust() -> BTreeSet<String> {
    let root = syn::parse_file(&fs::read_to_string(repository("src/lib.rs")).unwrap()).unwrap();
    let mut exported = BTreeSet::new();
    for item in &root.items {
        if let Item::Use(used) = item
            && matches!(used.vis, Visibility::Public(_))
            && !used.attrs.iter().any(is_hidden)
        {
            export(&used.tree, &mut exported);
        }
    }
    let mut names = exported.clone();
    for file in sources(&repository("src")) {
        let items = syn::parse_file(&fs::read_to_string(file).unwrap()).unwrap().items;
        let own: BTreeSet<_> = items.iter().filter_map(private_type).collect();
        for item in &items {
            names.extend(
                functions(item)
                    .into_iter()
                    .filter(|(of, _)| exported.contains(of) && !own.contains(of))
                    .map(|(of, function)| format!("{of}::{function}")),
            );
        }
    }
    names
}

fn export(tree: &UseTree, exported: &mut BTreeSet<String>) {
    match tree {
        UseTree::Path(path) => export(&path.tree, exported),
        UseTree::Name(name) => _ = exported.insert(name.ident.to_string()),
        UseTree::Rename(renamed) => _ = exported.insert(renamed.rename.to_string()),
        UseTree::Group(group) => group.items.iter().for_each(|tree| export(tree, exported)),
        UseTree::Glob(_) => panic!("src/lib.rs names what it exports"),
    }
}

fn is_hidden(attribute: &Attribute) -> bool {
    let text = |list: &syn::MetaList| list.tokens.to_string();
    attribute.meta.require_list().is_ok_and(|list| list.path.is_ident("doc") && text(list) == "hidden")
}

/// The sources of the library, without its tests and without the documents of `json`.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        match path.is_dir() {
            _ if ["tests", "json", "cli"].contains(&name) => {}
            true => files.extend(sources(&path)),
            false if path.extension().is_some_and(|extension| extension == "rs") => files.push(path),
            false => {}
        }
    }
    files
}

/// The name of a type that is not exported: its file may mean another than the exported one of this name.
fn private_type(item: &Item) -> Option<String> {
    let (name, visibility) = match item {
        Item::Struct(item) => (&item.ident, &item.vis),
        Item::Enum(item) => (&item.ident, &item.vis),
        _ => return None,
    };
    (!matches!(visibility, Visibility::Public(_))).then(|| name.to_string())
}

/// The public functions of a type or a trait.
fn functions(item: &Item) -> Vec<(String, String)> {
    match item {
        Item::Impl(block) if block.trait_.is_none() => {
            let Type::Path(path) = &*block.self_ty else { return Vec::new() };
            let of = path.path.segments.last().unwrap().ident.to_string();
            let public = |item: &ImplItem| match item {
                ImplItem::Fn(function) if matches!(function.vis, Visibility::Public(_)) => {
                    (!function.attrs.iter().any(is_hidden)).then(|| function.sig.ident.to_string())
                }
                _ => None,
            };
            block.items.iter().filter_map(public).map(|function| (of.clone(), function)).collect()
        }
        Item::Trait(of) => {
            let function = |item: &TraitItem| match item {
                TraitItem::Fn(function) => Some((of.ident.to_string(), function.sig.ident.to_string())),
                _ => None,
            };
            of.items.iter().filter_map(function).collect()
        }
        _ => Vec::new(),
    }
}
