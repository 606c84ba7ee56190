//! Every public query of the store, on both engines.
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on may stop at once"
)]

#[path = "../world/mod.rs"]
mod world;

mod accounts;
mod agents;
mod api_keys;
mod audit;
mod call_segments;
mod call_sums;
mod call_worths;
mod calls;
mod cases;
mod commit;
mod conversions;
mod dialled;
mod erasure;
mod leases;
mod marks;
mod migration;
mod number_states;
mod numbers;
mod page_looks;
mod page_reports;
mod paging;
mod people;
mod phones;
mod plans;
mod pool_load;
mod pool_rules;
mod profiles;
mod report_mails;
mod reports;
mod retention;
mod saved_reports;
mod second_factors;
mod servers;
mod sites;
mod splits;
mod targets;
mod tenancy;
mod webhooks;
