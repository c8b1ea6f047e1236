//! Inside a crate no two modules need each other, and each needs only modules above it.
//!
//! The graph is read from the files: an arrow goes from a module to the module that defines what it names, in a `use`
//! or in a path that begins with `crate`, `super` or `self`. A re-export is followed to where the name is defined, so
//! that `crate::X` is an arrow to the module of `X` and not to `lib.rs`.
//!
//! `lib.rs` and `mod.rs` are modules like others, with one difference: their `mod` lines and their re-exports
//! (`pub use`, `pub(crate) use`) are a table of contents and no arrows. Whatever else they use is an arrow, so a
//! `mod.rs` that uses its children, which in turn use what it defines, is a circle.

use super::{code_of, crates, sources};
use std::collections::{BTreeMap, BTreeSet};

type Module = Vec<String>;

#[derive(Default)]
struct Graph {
    modules: BTreeSet<Module>,
    /// What a name stands for, by the module that exports it again.
    exports: BTreeMap<(Module, String), Module>,
    arrows: BTreeMap<Module, BTreeSet<Module>>,
}

/// A path in a `use`: its words, whether it is exported again, and under which name.
struct Used {
    path: Vec<String>,
    name: String,
    is_exported: bool,
}

/// `src/core/packed/block.rs` is `packed::block`, `mod.rs` the folder, `lib.rs` the crate.
fn module_of(krate: &str, file: &str) -> Module {
    let inner = file.strip_prefix(&format!("{krate}/")).unwrap().strip_suffix(".rs").unwrap();
    let mut words: Module = inner.split('/').map(str::to_owned).collect();
    if words.last().is_some_and(|word| word == "mod" || (words.len() == 1 && word == "lib")) {
        words.pop();
    }
    words
}

/// `a::{b, c::d as e}` as its paths.
fn expand(tree: &str, before: &[String], is_exported: bool, found: &mut Vec<Used>) {
    let tree = tree.trim();
    if let Some((head, rest)) = tree.split_once('{').filter(|(head, _)| head.is_empty() || head.ends_with("::")) {
        let head = head.trim_end_matches("::").split("::").filter(|word| !word.is_empty()).map(str::to_owned);
        let before: Vec<String> = before.iter().cloned().chain(head).collect();
        let inside = rest.trim_end().strip_suffix('}').unwrap_or(rest);
        let (mut depth, mut start) = (0, 0);
        for (at, c) in inside.char_indices().chain([(inside.len(), ',')]) {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    let part = &inside[start..at];
                    if !part.trim().is_empty() {
                        expand(part, &before, is_exported, found);
                    }
                    start = at + 1;
                }
                _ => {}
            }
        }
        return;
    }
    let (path, name) = tree.split_once(" as ").unwrap_or((tree, ""));
    let mut path: Vec<String> = before.iter().cloned().chain(path.split("::").map(|w| w.trim().to_owned())).collect();
    if path.last().is_some_and(|word| word == "self") && path.len() > 1 {
        path.pop();
    }
    let name = if name.is_empty() { path.last().unwrap().clone() } else { name.trim().to_owned() };
    found.push(Used { path, name, is_exported });
}

/// Every `use` of a file, and the rest of its code.
fn uses(code: &str) -> (Vec<Used>, String) {
    let (mut found, mut rest, mut left) = (Vec::new(), String::new(), code);
    let begins = |line: &str| {
        let line = line.trim_start();
        let after = line.strip_prefix("pub ").or_else(|| {
            let (visibility, after) = line.strip_prefix("pub(")?.split_once(") ")?;
            visibility.chars().all(char::is_alphanumeric).then_some(after)
        });
        after.unwrap_or(line).strip_prefix("use ").map(|_| after.is_some())
    };
    while !left.is_empty() {
        let line = left.split_inclusive('\n').next().unwrap();
        match begins(line) {
            Some(is_exported) => {
                let (statement, after) = left.split_once(';').unwrap_or((left, ""));
                let tree = statement.split_once("use ").unwrap().1.split_whitespace().collect::<Vec<_>>().join(" ");
                expand(&tree, &[], is_exported, &mut found);
                left = after;
            }
            None => {
                rest.push_str(line);
                left = &left[line.len()..];
            }
        }
    }
    (found, rest)
}

/// Paths in code that begin with one of these words.
fn paths(code: &str) -> Vec<Vec<String>> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut found = Vec::new();
    for head in ["crate::", "super::", "self::"] {
        for (at, _) in code.match_indices(head) {
            if !code[..at].ends_with(|c| is_word(c) || c == ':') {
                let text: &str = code[at..].split(|c: char| !is_word(c) && c != ':').next().unwrap();
                found.push(text.split("::").filter(|word| !word.is_empty()).map(str::to_owned).collect());
            }
        }
    }
    found
}

impl Graph {
    /// Words from the root of the crate; nothing where they lead out of it.
    fn absolute(&self, from: &Module, path: &[String]) -> Option<Module> {
        let mut base = match path.first()?.as_str() {
            "crate" => return Some(path[1..].to_vec()),
            "self" => from.clone(),
            "super" => from.split_last()?.1.to_vec(),
            child => {
                let child: Module = from.iter().cloned().chain([child.to_owned()]).collect();
                return self
                    .modules
                    .contains(&child)
                    .then(|| child.into_iter().chain(path[1..].iter().cloned()).collect());
            }
        };
        for word in &path[1..] {
            if word == "super" {
                base.pop();
            } else {
                base.push(word.clone());
            }
        }
        Some(base)
    }

    /// The module that defines what the words name.
    fn defining(&self, words: &[String], depth: usize) -> Module {
        assert!(depth < 20, "re-exports that go round: {words:?}");
        let mut module = Module::new();
        for (at, word) in words.iter().enumerate() {
            let child: Module = module.iter().cloned().chain([word.clone()]).collect();
            if self.modules.contains(&child) {
                module = child;
            } else if let Some(target) = self.exports.get(&(module.clone(), word.clone())) {
                let on: Vec<String> = target.iter().chain(&words[at + 1..]).cloned().collect();
                return self.defining(&on, depth + 1);
            } else {
                break;
            }
        }
        module
    }

    fn read(krate: &str) -> Graph {
        let mut graph = Graph::default();
        let inside = |file: &&String| file.starts_with(&format!("{krate}/")) && file.ends_with(".rs");
        let files: Vec<String> = sources().iter().filter(inside).cloned().collect();
        graph.modules = files.iter().map(|file| module_of(krate, file)).collect();
        let read = files.iter().map(|file| {
            let code = code_of(file);
            let code = code.split("#[cfg(test)]").next().unwrap();
            (module_of(krate, file), file.ends_with("/mod.rs") || file.ends_with("/lib.rs"), uses(code))
        });
        let read: Vec<_> = read.collect();
        for (module, _, (used, _)) in &read {
            for used in used.iter().filter(|used| used.is_exported) {
                if let Some(target) = graph.absolute(module, &used.path) {
                    graph.exports.insert((module.clone(), used.name.clone()), target);
                }
            }
        }
        for (module, is_parent, (used, rest)) in &read {
            let used = used.iter().filter(|used| !(*is_parent && used.is_exported)).map(|used| used.path.clone());
            for path in used.chain(paths(rest)) {
                if let Some(words) = graph.absolute(module, &path) {
                    let target = graph.defining(&words, 0);
                    if target != *module {
                        graph.arrows.entry(module.clone()).or_default().insert(target);
                    }
                }
            }
        }
        graph
    }

    fn reached(&self, from: &Module) -> BTreeSet<Module> {
        let (mut seen, mut next) = (BTreeSet::new(), vec![from.clone()]);
        while let Some(module) = next.pop() {
            for target in self.arrows.get(&module).into_iter().flatten() {
                if seen.insert(target.clone()) {
                    next.push(target.clone());
                }
            }
        }
        seen
    }

    /// Modules that reach each other, as sets.
    fn circles(&self) -> BTreeSet<BTreeSet<Module>> {
        let reached: BTreeMap<&Module, BTreeSet<Module>> =
            self.modules.iter().map(|module| (module, self.reached(module))).collect();
        let circle = |module: &Module| -> BTreeSet<Module> {
            reached[module].iter().filter(|other| reached[other].contains(module)).cloned().collect()
        };
        self.modules.iter().map(circle).filter(|circle| 1 < circle.len()).collect()
    }
}

fn shown(module: &Module) -> String {
    if module.is_empty() { "crate".to_owned() } else { module.join("::") }
}

#[test]
fn no_module_needs_one_that_needs_it() {
    let mut said = Vec::new();
    for krate in crates() {
        let graph = Graph::read(&krate);
        assert!(graph.modules.len() < 2 || !graph.arrows.is_empty(), "{krate}: no arrow was read");
        for circle in graph.circles() {
            let arrows = circle.iter().map(|module| {
                let to = graph.arrows[module].iter().filter(|to| circle.contains(*to)).map(shown);
                format!("    {} -> {}", shown(module), to.collect::<Vec<_>>().join(", "))
            });
            said.push(format!("{krate}: a circle of {}\n{}", circle.len(), arrows.collect::<Vec<_>>().join("\n")));
        }
    }
    assert!(said.is_empty(), "{}", said.join("\n"));
}

/// The modules that a file declares, in its order.
fn declared(code: &str) -> Vec<String> {
    let name = |line: &str| Some(line.rsplit_once("mod ")?.1.strip_suffix(';')?.to_owned());
    let is_declaration = |line: &&str| ["mod ", "pub mod ", "pub(crate) mod "].iter().any(|it| line.starts_with(it));
    code.lines().map(str::trim_end).filter(is_declaration).filter_map(name).collect()
}

#[test]
fn a_module_needs_only_modules_above_it() {
    let mut said = Vec::new();
    for krate in crates() {
        let graph = Graph::read(&krate);
        for path in sources().iter().filter(|path| path.starts_with(&format!("{krate}/"))) {
            let folder = ["/lib.rs", "/main.rs", "/mod.rs"].iter().find_map(|file| path.strip_suffix(file));
            let Some(folder) = folder else { continue };
            let inner = folder.strip_prefix(&krate).unwrap().split('/').filter(|word| !word.is_empty());
            let parent: Module = inner.map(str::to_owned).collect();
            let order = declared(&code_of(path));
            let place = |module: &Module| {
                let below = module.strip_prefix(parent.as_slice())?;
                order.iter().position(|name| Some(name) == below.first())
            };
            for (from, to) in graph.arrows.iter().flat_map(|(from, all)| all.iter().map(move |to| (from, to))) {
                if place(from).zip(place(to)).is_some_and(|(from, to)| from < to) {
                    said.push(format!("{path}: {} needs {}, which is below it", shown(from), shown(to)));
                }
            }
        }
    }
    assert!(said.is_empty(), "{}", said.join("\n"));
}

#[test]
fn arrows_are_read_through_braces_and_re_exports() {
    let code = "pub use a::{B, c::{self, D as E}};\nuse crate::f;\nfn x() { crate::g::h(); super::i(); $crate::j() }\n";
    let (used, rest) = uses(code);
    let used: Vec<String> = used.iter().map(|used| format!("{} {}", used.path.join("::"), used.name)).collect();
    assert_eq!(used, ["a::B B", "a::c c", "a::c::D E", "crate::f f"]);
    assert_eq!(paths(&rest).len(), 3);
    let words = |text: &str| text.split("::").map(str::to_owned).collect::<Module>();
    let mut graph = Graph { modules: ["a", "a::c", "f"].map(words).into(), ..Graph::default() };
    graph.modules.insert(Module::new());
    graph.exports.insert((Module::new(), "D".to_owned()), words("a::D"));
    graph.exports.insert((words("a"), "D".to_owned()), words("a::c::D"));
    assert_eq!(graph.defining(&words("D"), 0), words("a::c"));
    graph.arrows.insert(words("a::c"), [words("f")].into());
    assert!(graph.circles().is_empty());
    graph.arrows.insert(words("f"), [words("a"), words("a::c")].into());
    assert_eq!(graph.circles(), [["a::c", "f"].map(words).into()].into());
}
