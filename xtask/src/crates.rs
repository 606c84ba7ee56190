//! The crates of a build and what uses what, as far as the checks need it.
//!
//! Filled from `cargo metadata`; tests make up their own.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use cargo_metadata::{DependencyKind, Metadata, TargetKind};

/// Every package of the build, by its `cargo metadata` id.
#[derive(Default)]
pub struct Crates(pub BTreeMap<String, Crate>);

/// One package.
#[derive(Default)]
pub struct Crate {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// It belongs to this workspace.
    pub member: bool,
    /// It runs inside the compiler, not in the program.
    pub compile_time: bool,
    /// Its licence as an SPDX expression.
    pub licence: Option<String>,
    /// Ids of what it links.
    pub uses: BTreeSet<String>,
    /// Ids of what only its tests, benches and examples link.
    pub uses_in_tests: BTreeSet<String>,
    /// Ids of what its build script links.
    pub uses_in_build: BTreeSet<String>,
}

impl Crates {
    /// Reads the output of `cargo metadata`.
    ///
    /// # Errors
    /// When it carries no resolved dependencies.
    pub fn from_metadata(metadata: &Metadata) -> anyhow::Result<Self> {
        let mut crates: BTreeMap<String, Crate> = BTreeMap::new();
        for package in &metadata.packages {
            let compile_time = package
                .targets
                .iter()
                .any(|target| target.kind.contains(&TargetKind::ProcMacro));
            crates.insert(
                package.id.repr.clone(),
                Crate {
                    name: package.name.to_string(),
                    version: package.version.to_string(),
                    member: metadata.workspace_members.contains(&package.id),
                    compile_time,
                    licence: package.license.clone(),
                    ..Crate::default()
                },
            );
        }
        let resolve = metadata
            .resolve
            .as_ref()
            .context("cargo metadata gave no resolved dependencies")?;
        for node in &resolve.nodes {
            let from = crates.get_mut(&node.id.repr).with_context(|| {
                format!("cargo metadata resolves {} but does not list it", node.id)
            })?;
            for dependency in &node.deps {
                for kind in &dependency.dep_kinds {
                    let set = match kind.kind {
                        DependencyKind::Development => &mut from.uses_in_tests,
                        DependencyKind::Build => &mut from.uses_in_build,
                        _ => &mut from.uses,
                    };
                    set.insert(dependency.pkg.repr.clone());
                }
            }
        }
        Ok(Self(crates))
    }

    /// The workspace's own packages.
    pub fn members(&self) -> impl Iterator<Item = (&String, &Crate)> {
        self.0.iter().filter(|(_, package)| package.member)
    }

    /// Packages that `ids` name.
    pub fn named<'a>(&'a self, ids: &'a BTreeSet<String>) -> impl Iterator<Item = &'a Crate> {
        ids.iter().filter_map(|id| self.0.get(id))
    }

    /// What ends up linked into `id`, each with the way there (`a -> b -> c`). What runs at compile time
    /// (procedural macros, build scripts) is not followed: it is not in the program.
    pub fn linked(&self, id: &str) -> BTreeMap<String, String> {
        let Some(start) = self.0.get(id) else {
            return BTreeMap::new();
        };
        let mut found = BTreeMap::new();
        let mut open = vec![(id.to_owned(), start.name.clone())];
        while let Some((id, way)) = open.pop() {
            let Some(package) = self.0.get(&id) else {
                continue;
            };
            for next in &package.uses {
                let Some(used) = self.0.get(next) else {
                    continue;
                };
                if used.compile_time || found.contains_key(next) {
                    continue;
                }
                let way = format!("{way} -> {}", used.name);
                found.insert(next.clone(), way.clone());
                open.push((next.clone(), way));
            }
        }
        found
    }
}

#[cfg(test)]
pub mod made_up {
    //! Made-up crates for the tests of the checks.

    use super::{Crate, Crates};

    impl Crates {
        /// Adds a package of this workspace that links `uses`.
        pub fn with_member(mut self, name: &str, uses: &[&str]) -> Self {
            self.insert(name, true, uses);
            self
        }

        /// Adds a package from elsewhere that links `uses`.
        pub fn with_foreign(mut self, name: &str, uses: &[&str]) -> Self {
            self.insert(name, false, uses);
            self
        }

        /// Lets the tests of `name` link `uses` too.
        pub fn tested_with(mut self, name: &str, uses: &[&str]) -> Self {
            let package = self.0.get_mut(name).expect("added before");
            package.uses_in_tests = uses.iter().map(ToString::to_string).collect();
            self
        }

        /// Gives `name` a licence.
        pub fn licensed(mut self, name: &str, licence: &str) -> Self {
            self.0.get_mut(name).expect("added before").licence = Some(licence.into());
            self
        }

        fn insert(&mut self, name: &str, member: bool, uses: &[&str]) {
            self.0.insert(
                name.into(),
                Crate {
                    name: name.into(),
                    version: "1.0.0".into(),
                    member,
                    licence: Some("MIT OR Apache-2.0".into()),
                    uses: uses.iter().map(ToString::to_string).collect(),
                    ..Crate::default()
                },
            );
        }
    }
}
