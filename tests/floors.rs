//! Checks the floors of `docs/ARCHITECTURE.md`: modules import only downwards.
//!
//! The floors are read from that document, and the imports from the tokens of the sources. So paths within
//! macros count, but comments and strings do not. The same rules hold for test code.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// Imports between modules of one floor that are allowed, each with the reason.
#[rustfmt::skip]
const ACROSS: &[(&str, &str, &str)] = &[
    ("api", "json", "the API answers in the JSON that all faces share"),
    ("audio", "units", "a block of PCM has a position and a rate"),
    ("config", "pipeline", "a declaration ends in the settings of pipelines"),
    ("counters", "names", "a counter has one name for all faces"),
    ("error", "names", "a reason has one name for all faces"),
    ("health", "names", "a kind of problem has one name for all faces"),
    ("home", "path_text", "where a station was is written down, whatever its name"),
    ("hls", "codec", "tests put the packets of real encoders into segments"),
    ("metadata", "path_text", "a file without a title is shown by its name, which may not be UTF-8"),
    ("packet", "metadata", "a packet carries its title"),
    ("path_text", "percent", "paths that are not UTF-8 are percent-encoded"),
    ("roots", "path_text", "one file has one name, however its root is spelt"),
    ("roots", "per_process", "where roots led is known to all stations of a process"),
    ("setting", "filework", "a path is looked at, and its disk may not answer"),
    ("thread", "cut", "the system shows the beginning of a thread's name"),
];

/// Modules above the floors, which show internals to benches and fuzzers.
const ABOVE: &[&str] = &["loops"];

/// Crates that may use only the public part of the library.
const USERS: &[&str] = &["src/main.rs", "src/cli", "ffi/src", "stress/src", "demo/src"];

#[test]
fn imports_go_down_only() {
    let plan = Plan::read(&source("docs/ARCHITECTURE.md"), &source("src/lib.rs"));
    let mut wrong = Vec::new();
    for file in sources("src").iter().filter(|file| !is_of_users(file) && *file != "src/lib.rs") {
        wrong.extend(plan.check(file, &source(file)));
    }
    assert!(wrong.is_empty(), "imports that break the floors:\n{}\n", wrong.join("\n"));
}

#[test]
fn every_module_has_its_floor() {
    let plan = Plan::read(&source("docs/ARCHITECTURE.md"), &source("src/lib.rs"));
    for module in &plan.modules {
        let known = plan.floors.contains_key(module) || ABOVE.contains(&module.as_str());
        assert!(known, "{module} is on no floor in docs/ARCHITECTURE.md");
    }
    for name in plan.floors.keys() {
        let exists = plan.modules.contains(name) || ["main", "cli"].contains(&name.as_str());
        assert!(exists, "docs/ARCHITECTURE.md has {name} on a floor, and there is no such module");
    }
}

/// Each entry of `ACROSS` is needed, is there once, joins two modules of one floor, and has no reverse.
#[test]
fn no_exception_is_stale_doubled_or_mutual() {
    let plan = Plan::read(&source("docs/ARCHITECTURE.md"), &source("src/lib.rs"));
    let mut used: Vec<(String, String)> = Vec::new();
    for file in sources("src").iter().filter(|file| !is_of_users(file) && *file != "src/lib.rs") {
        let from = module_of(file)[0].clone();
        let targets = imports(&source(file), &module_of(file)).into_iter();
        used.extend(targets.filter_map(|import| Some((from.clone(), plan.module(&import.path)?.to_owned()))));
    }
    for (from, to, _) in ACROSS {
        assert_eq!(plan.floors.get(*from), plan.floors.get(*to), "{from} and {to} are not on one floor");
        assert!(used.contains(&((*from).into(), (*to).into())), "{from} does not import {to} any more");
        let entries = ACROSS.iter().filter(|(a, b, _)| (a, b) == (from, to)).count();
        assert_eq!(entries, 1, "{from} and {to} stand here more than once");
        assert!(!ACROSS.iter().any(|(a, b, _)| (a, b) == (to, from)), "{from} and {to} import each other");
    }
}

/// The program, the C ABI and the load generator do not use items that are public only for benches and
/// fuzzers.
#[test]
fn users_of_the_library_use_its_public_face() {
    let hidden = hidden_items(&source("src/lib.rs"));
    assert!(hidden.iter().any(|name| name == "playout"), "{hidden:?}");
    for file in USERS.iter().flat_map(|place| sources(place)) {
        for import in paths_of("longwave", &source(&file)) {
            let item = import.path.first().map_or("*", String::as_str);
            assert!(!hidden.iter().any(|name| name == item), "{file}:{}: longwave::{item}", import.line);
        }
    }
}

#[test]
fn each_kind_of_import_gets_its_verdict() {
    let map = "## The floors\n\n    2  high/          rules\n    1  left/  right   threads: they meet nowhere\n    0  low  error     values\n\n## Else\n";
    let root = "mod high; mod left; mod right; mod low; mod error;\n\
                pub use high::{Top, inner::Deep as Renamed};\npub use low::Low;\npub use error::Error;\n";
    let plan = Plan::read(map, root);
    for (file, text, verdict) in [
        ("src/high.rs", "use crate::left::A;", None),
        ("src/left.rs", "use crate::low::{A, B};", None),
        ("src/left/inner.rs", "use crate::left::other::C;", None),
        ("src/left/inner.rs", "use super::other::C; use self::own::D; use own::E;", None),
        ("src/left.rs", "use std::high::A; use high::B;", None),
        ("src/left.rs", "use crate::high::A;", Some("src/left.rs:1: crate::high::A goes up: left (floor 1)")),
        ("src/low.rs", "\n\nuse crate::left::A;", Some("src/low.rs:3: crate::left::A goes up")),
        ("src/left.rs", "use crate::right::A;", Some("crate::right::A goes across")),
        ("src/low.rs", "use crate::error::A;", Some("crate::error::A goes across")),
        // Re-exports at the root.
        ("src/left.rs", "use crate::Low;", None),
        ("src/left.rs", "use crate::{Error, Low};", None),
        ("src/left.rs", "use crate::Top;", Some("crate::Top goes up: left (floor 1) imports high (floor 2)")),
        ("src/left.rs", "use crate::Renamed;", Some("crate::Renamed goes up")),
        ("src/left.rs", "use crate::Deep;", Some("crate::Deep is neither a module nor re-exported")),
        // Every way to write an import.
        ("src/left.rs", "pub(crate) use crate::high::A;", Some("goes up")),
        ("src/left.rs", "pub(in crate::left) use crate::low::A;", None),
        ("src/left.rs", "use crate::high as h;", Some("crate::high goes up")),
        (
            "src/left.rs",
            "use crate::{low::A,\n  high::{B, C::{self, D}}};",
            Some("src/left.rs:2: crate::high::B goes up"),
        ),
        ("src/left.rs", "use crate::{low::{A, B}, left::{high::C}};", None),
        ("src/left.rs", "fn f() -> crate::high::A { x }", Some("crate::high::A goes up")),
        (
            "src/left.rs",
            "fn f() { let x = crate :: high :: A::<u8>::new(); }",
            Some("crate::high::A goes up"),
        ),
        ("src/left.rs", "fn f(x: Vec<crate::high::A>) {}", Some("crate::high::A goes up")),
        ("src/left.rs", "fn f() { assert_eq!(1, crate::high::A); }", Some("crate::high::A goes up")),
        ("src/left.rs", "macro_rules! m { () => { $crate::high::f() } }", Some("crate::high::f goes up")),
        (
            "src/left.rs",
            "#[serde(with = \"x\")] struct S(#[cfg(a)] crate::high::A);",
            Some("crate::high::A goes up"),
        ),
        ("src/left.rs", "#[cfg(test)] mod tests { use crate::high::A; }", Some("crate::high::A goes up")),
        // Paths that go up with `super`.
        ("src/left.rs", "use super::high::A;", Some("crate::high::A goes up")),
        ("src/left/inner.rs", "use super::super::high::A;", Some("crate::high::A goes up")),
        ("src/left/inner/mod.rs", "use super::super::high::A;", Some("crate::high::A goes up")),
        ("src/left.rs", "mod tests { use super::super::high::A; }", Some("crate::high::A goes up")),
        ("src/left.rs", "mod tests { use super::*; }", None),
        ("src/left.rs", "mod tests { use self::super::super::high::A; }", Some("crate::high::A goes up")),
        // An alias of the root would hide all imports.
        ("src/left.rs", "use crate as all;", Some("crate is imported whole")),
        ("src/left.rs", "use crate::{self as all};", Some("crate is imported whole")),
        ("src/left.rs", "use crate::*;", Some("crate is imported whole")),
        ("src/left.rs", "use super::*;", Some("crate is imported whole")),
        // Text that only looks like an import.
        ("src/left.rs", "// use crate::high::A;\n/* crate::high::A */", None),
        (
            "src/left.rs",
            "/// [`A`](crate::high::A)\n//! crate::high\nfn f() { \"use crate::high::A;\"; r#\"crate::high\"#; }",
            None,
        ),
        ("src/left.rs", "pub(crate) fn high() {} pub(super) struct S; fn g() { left::high(); }", None),
    ] {
        let wrong = plan.check(file, text);
        match verdict {
            None => assert!(wrong.is_empty(), "{text}: {wrong:?}"),
            Some(verdict) => {
                let first = wrong.first().map_or("", String::as_str);
                assert!(first.contains(verdict), "{file}: {text}: {verdict:?}, not {wrong:?}");
            }
        }
    }
}

#[test]
fn an_exception_allows_one_direction() {
    let map = "## The floors\n\n    5  pipeline  config\n\n## Else\n";
    let plan = Plan::read(map, "mod pipeline; mod config;");
    assert!(plan.check("src/config.rs", "use crate::pipeline::A;").is_empty());
    assert!(!plan.check("src/pipeline.rs", "use crate::config::A;").is_empty());
}

/// The floors, the modules of the crate, and what its root re-exports.
struct Plan {
    floors: BTreeMap<String, u32>,
    modules: Vec<String>,
    /// A name at the root, and the module that defines it.
    exports: BTreeMap<String, String>,
}

/// A path in some line, from the crate's root on.
#[derive(Debug)]
struct Import {
    line: usize,
    path: Vec<String>,
    /// The name that it has here, if it is another one.
    alias: Option<String>,
}

impl Plan {
    /// Reads the floors from the document, and the modules and re-exports from the crate's root.
    fn read(map: &str, root: &str) -> Plan {
        let drawn = map.split("## The floors").nth(1).expect("a section for the floors");
        let drawn = drawn.split("\n## ").next().unwrap_or_default();
        let mut floors = BTreeMap::new();
        let mut number = 0;
        for line in drawn.lines().filter_map(|line| line.strip_prefix("    ")) {
            let (floor, rest) = line.split_once("  ").expect("a floor's number");
            // A long floor goes on in the next line, without its number.
            if !floor.is_empty() {
                number = floor.parse().expect("a floor's number");
            }
            let rest = rest.trim_start();
            // A wider gap separates a floor's modules from its purpose.
            for name in rest.split("   ").next().unwrap_or_default().split_whitespace() {
                let name = name.trim_end_matches('/').trim_end_matches(".rs");
                floors.insert(name.to_owned(), number);
            }
        }
        let tokens: Vec<TokenTree> = tokens(root).into_iter().collect();
        let mut modules = Vec::new();
        let mut exports = BTreeMap::new();
        for (index, token) in tokens.iter().enumerate() {
            if is_word(token, "mod") {
                modules.push(tokens[index + 1].to_string());
            }
            if is_word(token, "use") {
                let mut uses = Vec::new();
                tree(&tokens[index + 1..], Vec::new(), &mut uses);
                for import in uses {
                    if let [module, .., name] = &import.path[..] {
                        exports.insert(import.alias.as_ref().unwrap_or(name).clone(), module.clone());
                    }
                }
            }
        }
        Plan { floors, modules, exports }
    }

    /// The module to which a path leads.
    fn module<'a>(&'a self, path: &'a [String]) -> Option<&'a str> {
        let first = path.first()?;
        match self.modules.contains(first) {
            true => Some(first),
            false => self.exports.get(first).map(String::as_str),
        }
    }

    /// The problems with the imports of a file, one line each.
    fn check(&self, file: &str, text: &str) -> Vec<String> {
        let module = module_of(file);
        let imports = imports(text, &module).into_iter();
        imports
            .filter_map(|import| {
                let reason = self.judge(&module[0], &import.path)?;
                Some(format!("{file}:{}: {reason}", import.line))
            })
            .collect()
    }

    fn judge(&self, from: &str, path: &[String]) -> Option<String> {
        let written = [&["crate".to_owned()], path].concat().join("::");
        if matches!(path, [] | [_]) && path.first().is_none_or(|first| first == "*") {
            return Some(format!("crate is imported whole ({written}): name what you take"));
        }
        let Some(to) = self.module(path) else {
            return Some(format!("{written} is neither a module nor re-exported at the crate's root"));
        };
        let floor = |module: &str| self.floors.get(module).copied().unwrap_or(u32::MAX);
        let (here, there) = (floor(from), floor(to));
        let allowed = from == to
            || here > there
            || ACROSS.iter().any(|(a, b, _)| (*a, *b) == (from, to)) && here == there;
        if allowed {
            None
        } else if here < there {
            Some(format!(
                "{written} goes up: {from} (floor {here}) imports {to} (floor {there}); imports go down only"
            ))
        } else {
            Some(format!(
                "{written} goes across: {from} and {to} are both on floor {here}; modules of one floor do not \
                 import each other, except where ACROSS in tests/floors.rs says so"
            ))
        }
    }
}

/// The imports of a file from its own crate, as paths from the root on.
fn imports(text: &str, module: &[String]) -> Vec<Import> {
    let mut found = Vec::new();
    walk(tokens(text), module, &mut found);
    found
}

/// Looks for `crate::…`, `self::…` and `super::…` in the code of a module, macros included.
fn walk(tokens: TokenStream, module: &[String], found: &mut Vec<Import>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut rest = &tokens[..];
    while let [token, after @ ..] = rest {
        rest = after;
        let is_mod = is_word(token, "mod");
        if let ([TokenTree::Ident(name), TokenTree::Group(body), tail @ ..], true) = (after, is_mod) {
            let inner = [module, &[name.to_string()]].concat();
            walk(body.stream(), &inner, found);
            rest = tail;
        } else if let TokenTree::Group(group) = token {
            walk(group.stream(), module, found);
        } else if is_word(token, "crate") && (below(after).is_some() || is_as(after)) {
            rest = below(after).unwrap_or(after);
            rest = tree(rest, Vec::new(), found);
        } else if let (true, Some(path)) = (is_word(token, "self") || is_word(token, "super"), below(after)) {
            let ups = usize::from(is_word(token, "super"));
            let (ups, path) = supers(ups, path);
            rest = tree(path, module[..module.len() - ups].to_vec(), found);
        }
    }
}

/// The number of `super` at the start of a path, and the rest of the path.
fn supers(ups: usize, path: &[TokenTree]) -> (usize, &[TokenTree]) {
    match path {
        [first, after @ ..] if is_word(first, "super") => match below(after) {
            Some(path) => supers(ups + 1, path),
            None => (ups + 1, after),
        },
        _ => (ups, path),
    }
}

/// Adds the names of a path or a tree of paths below `base`: `a::b`, `a::{b, c as d}`, `*`. Returns the
/// tokens after it.
fn tree<'a>(path: &'a [TokenTree], base: Vec<String>, found: &mut Vec<Import>) -> &'a [TokenTree] {
    let line = path.first().map_or(0, |token| token.span().start().line);
    let mut add = |path, after: &[TokenTree]| {
        let alias = after.get(1).filter(|_| is_as(after)).map(TokenTree::to_string);
        found.push(Import { line, path, alias });
    };
    match path {
        [TokenTree::Group(group), after @ ..] if group.delimiter() == Delimiter::Brace => {
            let inside: Vec<TokenTree> = group.stream().into_iter().collect();
            for part in inside.split(|token| is_punct(token, ',')).filter(|part| !part.is_empty()) {
                tree(part, base.clone(), found);
            }
            after
        }
        [TokenTree::Ident(word), after @ ..] if word != "as" => {
            let own = (word != "self").then(|| word.to_string());
            let base = [base, own.into_iter().collect()].concat();
            match below(after) {
                Some(path) => tree(path, base, found),
                None => {
                    add(base, after);
                    after
                }
            }
        }
        [star, after @ ..] if is_punct(star, '*') => {
            add([base, vec!["*".into()]].concat(), after);
            after
        }
        // A turbofish ends the path, and so does `as` after `crate`.
        _ => {
            add(base, path);
            path
        }
    }
}

/// The tokens after `::`.
fn below(tokens: &[TokenTree]) -> Option<&[TokenTree]> {
    match tokens {
        [a, b, path @ ..] if is_punct(a, ':') && is_punct(b, ':') => Some(path),
        _ => None,
    }
}

fn is_as(tokens: &[TokenTree]) -> bool {
    tokens.first().is_some_and(|token| is_word(token, "as"))
}

fn is_word(token: &TokenTree, word: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident == word)
}

fn is_punct(token: &TokenTree, punct: char) -> bool {
    matches!(token, TokenTree::Punct(found) if found.as_char() == punct)
}

fn tokens(text: &str) -> TokenStream {
    text.parse().expect("a source can be split into tokens")
}

/// The paths that begin with this crate, from its root on.
fn paths_of(name: &str, text: &str) -> Vec<Import> {
    fn search(name: &str, tokens: TokenStream, found: &mut Vec<Import>) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        for (index, token) in tokens.iter().enumerate() {
            if let TokenTree::Group(group) = token {
                search(name, group.stream(), found);
            } else if let (true, Some(path)) = (is_word(token, name), below(&tokens[index + 1..])) {
                tree(path, Vec::new(), found);
            }
        }
    }
    let mut found = Vec::new();
    search(name, tokens(text), &mut found);
    found
}

/// The items that are public at the crate's root but hidden from the documentation.
fn hidden_items(root: &str) -> Vec<String> {
    let tokens: Vec<TokenTree> = tokens(root).into_iter().collect();
    let mut hidden = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        let is_hidden =
            matches!(token, TokenTree::Group(group) if group.stream().to_string() == "doc (hidden)");
        if is_hidden {
            let item = &tokens[index + 1..];
            let end = item.iter().position(|token| is_punct(token, ';')).unwrap_or(item.len());
            let names = item[..end].iter().flat_map(|token| match token {
                TokenTree::Group(group) => group.stream().into_iter().collect(),
                token => vec![token.clone()],
            });
            hidden.extend(names.last().map(|name| name.to_string()));
        }
    }
    hidden
}

/// The module of a file: `engine::mixer` for `src/engine/mixer.rs`.
fn module_of(file: &str) -> Vec<String> {
    let path = file.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
    path.split('/').map(str::to_owned).collect()
}

fn is_of_users(file: &str) -> bool {
    USERS.iter().any(|place| file == *place || file.starts_with(&format!("{place}/")))
}

/// All sources below a folder, as paths from the repository's root; or a single file.
fn sources(place: &str) -> Vec<String> {
    let path = root().join(place);
    if path.is_file() {
        return vec![place.to_owned()];
    }
    let mut all = Vec::new();
    for entry in fs::read_dir(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())) {
        let name = format!("{place}/{}", entry.unwrap().file_name().into_string().unwrap());
        if root().join(&name).is_dir() || name.ends_with(".rs") {
            all.extend(sources(&name));
        }
    }
    all.sort();
    all
}

fn source(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}
