//! Which pool a site's visits draw from: what is wrong with such rules, and how they are carried out.

use std::collections::HashMap;

use ringfence_model::{E164, NumberId, NumberState, PoolId, PoolRule, SiteId};
use ringfence_routing::is_range;
use ringfence_store::StoreError;

use super::apply::Work;
use super::check::is_country;
use super::{Arrangement, RulePart, SitePart};

/// The most rules of one site: each is asked for each new visit.
const MOST_RULES: usize = 200;

impl Arrangement {
    /// What is wrong with the rules of its sites.
    pub(super) fn rule_problems(&self, problems: &mut Vec<String>) {
        for site in &self.site {
            if site.rule.len() > MOST_RULES {
                problems.push(format!(
                    "site {:?}: expected at most {MOST_RULES} rules, got {}",
                    site.name,
                    site.rule.len()
                ));
            }
            for (index, rule) in site.rule.iter().enumerate() {
                let of = |text: String| format!("site {:?}: rule {}: {text}", site.name, index + 1);
                let found = self.problems_of(rule);
                problems.extend(found.into_iter().map(of));
            }
        }
    }

    fn problems_of(&self, rule: &RulePart) -> Vec<String> {
        let mut found = Vec::new();
        if rule.wish().is_empty() {
            found.push(
                "expected at least one of `campaign`, `source`, `language` and `country`; \
                 the pool of all other visits is the site's `pool`"
                    .into(),
            );
        }
        match (&rule.pool, &rule.number) {
            (Some(pool), None) if self.pool.iter().all(|part| part.name != *pool) => {
                found.push(format!(
                    "expected the name of a pool of this file, got {pool:?}"
                ));
            }
            (None, Some(number))
                if !self
                    .number
                    .iter()
                    .any(|part| part.e164 == *number && part.pool.is_none()) =>
            {
                found.push(format!(
                    "expected its number {number} among the numbers of this file, in no pool"
                ));
            }
            (Some(_), None) | (None, Some(_)) => {}
            _ => found.push("expected either `pool` or `number`".into()),
        }
        let languages = rule.language.iter().filter(|text| !is_range(text));
        found.extend(languages.map(|text| {
            format!("`language` expected languages such as de or de-AT, got {text:?}")
        }));
        let countries = rule.country.iter().filter(|text| !is_country(text));
        found.extend(countries.map(|text| {
            format!("`country` expected two letters (ISO 3166-1) such as DE, got {text:?}")
        }));
        found
    }
}

impl Work<'_> {
    /// The rules of the sites that the document names; a site without any has none.
    pub(super) async fn rules(
        &mut self,
        parts: &[SitePart],
        sites: &HashMap<String, SiteId>,
        pools: &HashMap<String, PoolId>,
    ) -> Result<(), StoreError> {
        let db = &self.platform.db;
        let numbers: HashMap<E164, NumberId> = db
            .numbers(self.account)
            .await?
            .into_iter()
            .filter(|number| number.state != NumberState::Released)
            .map(|number| (number.e164, number.id))
            .collect();
        for part in parts {
            let Some(&site) = sites.get(&part.name) else {
                continue;
            };
            let mut wanted = Vec::new();
            for rule in &part.rule {
                let number = rule.number.as_ref().and_then(|text| text.parse().ok());
                let pool = match (&rule.pool, &number) {
                    (Some(name), _) => pools.get(name).copied(),
                    (None, Some(e164)) => Some(self.pool_of_fixed(e164).await?),
                    (None, None) => None,
                };
                let Some(pool) = pool else { continue };
                wanted.push(PoolRule {
                    account: self.account,
                    site,
                    wish: rule.wish(),
                    pool,
                    number: number.and_then(|e164| numbers.get(&e164).copied()),
                });
            }
            if db.pool_rules(self.account, site).await? != wanted {
                db.set_pool_rules(self.account, site, &wanted).await?;
                self.did("changed rules of site", &part.name);
            }
        }
        Ok(())
    }

    /// Leases belong to a pool; those of a fixed number to one that has its name and no numbers.
    async fn pool_of_fixed(&self, e164: &E164) -> Result<PoolId, StoreError> {
        let name = format!("only {}", e164.as_str());
        let known = self.platform.db.pools(self.account).await?;
        if let Some(pool) = known.iter().find(|pool| pool.name == name) {
            return Ok(pool.id);
        }
        let hold = std::time::Duration::from_mins(30);
        let made = self
            .platform
            .add_pool(self.account, &name, hold, None, self.now)
            .await?;
        Ok(made.id)
    }
}
