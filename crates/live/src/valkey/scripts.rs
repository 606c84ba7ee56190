//! What is done in Valkey in one go: each script decides and applies, and nobody comes in between.

use redis::Script;

/// Every script.
#[derive(Debug)]
pub(super) struct Scripts {
    pub build: Script,
    pub open: Script,
    pub set_pool: Script,
    pub lease: Script,
    pub take_back: Script,
    pub extend: Script,
    pub release: Script,
    pub holding: Script,
    pub occupancy: Script,
    pub spend: Script,
}

impl Scripts {
    pub fn new() -> Self {
        let with_prelude =
            |script: &str| Script::new(&format!("{}\n{script}", include_str!("prelude.lua")));
        Self {
            build: Script::new(include_str!("build.lua")),
            open: Script::new(include_str!("open.lua")),
            set_pool: with_prelude(include_str!("set_pool.lua")),
            lease: with_prelude(include_str!("lease.lua")),
            take_back: with_prelude(include_str!("take_back.lua")),
            extend: with_prelude(include_str!("extend.lua")),
            release: with_prelude(include_str!("release.lua")),
            holding: with_prelude(include_str!("holding.lua")),
            occupancy: with_prelude(include_str!("occupancy.lua")),
            spend: with_prelude(include_str!("spend.lua")),
        }
    }
}
