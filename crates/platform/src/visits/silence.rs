//! Whether pages follow what a network asks for, and what happens when none do.

use std::net::IpAddr;

use ringfence_fence::{AddressPrefix, Crowd, Refusal, Silence};
use ringfence_model::{EvidenceKind, LeaseId, SiteId, Timestamp};
use ringfence_store::StoreError;

use super::facts::SiteFacts;
use crate::Platform;
use crate::fence::{evidence, new_case};

impl Platform {
    /// A network asks for a new lease. Who asks for many that no page shows is refused, and operators are told once.
    pub(super) async fn watch_network(
        &self,
        site: &SiteFacts,
        address: IpAddr,
        lease: LeaseId,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        if !self.settings.fence.withhold_from_silent_networks {
            return Ok(());
        }
        let prefix = AddressPrefix::of(address);
        let asked = self
            .tag_facts
            .silences
            .lock()
            .ask(site.id, prefix, lease, now);
        let Crowd::Silent(silence) = asked else {
            return Ok(());
        };
        if silence.first
            && let Err(error) = self.tell_of_silence(site, prefix, silence, now).await
        {
            tracing::error!(%error, "operators could not be told of a network that no page follows; the next request tries again");
            self.tag_facts.silences.lock().untold(site.id, prefix);
        }
        Err(Refusal::NetworkWithheld)
    }

    /// A page that shows the lease gave a sign of life.
    pub(super) fn page_spoke(&self, site: SiteId, lease: LeaseId) {
        if self.settings.fence.withhold_from_silent_networks {
            self.tag_facts.silences.lock().spoke(site, lease);
        }
    }

    /// A case gets the evidence, without a hold: anybody can ask in a site's name, and the site must not suffer for it.
    async fn tell_of_silence(
        &self,
        site: &SiteFacts,
        prefix: AddressPrefix,
        silence: Silence,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        metrics::counter!("ringfence_silent_networks_total").increment(1);
        tracing::warn!(site = %site.id, network = %prefix, "a network asks for numbers that no page shows");
        let what = format!(
            "{prefix} asked for {} numbers, and pages gave a sign of life for {} of them; numbers are withheld from \
             this network",
            silence.leases, silence.spoke
        );
        let case = new_case(site.account, site.id, 0, now);
        let piece = evidence(&case, EvidenceKind::Silence, what.clone(), now);
        match self.db.open_case(&case, &[piece], false).await {
            Err(StoreError::Taken(_)) => {}
            opened => {
                opened?;
                metrics::counter!("ringfence_cases_opened_total", "verdict" => "silent")
                    .increment(1);
                return Ok(());
            }
        }
        match self.db.open_case_of(site.account, site.id).await? {
            Some(case) => {
                let piece = evidence(&case, EvidenceKind::Silence, what, now);
                self.db
                    .add_evidence(case.account, case.id, &[piece], None)
                    .await
            }
            // Decided in between: an operator was told a moment ago.
            None => Ok(()),
        }
    }
}
