//! One passage from its first step to its last; or, after a failure, along its way back.

use super::{
    event::{Event, Failure},
    operate,
    record::Record,
    run::{Interrupt, Setting},
    watch::Watch,
};
use crate::{
    cloud::Error,
    plan::{Passage, Step, When},
    resource::{Address, LiveStatement, Operation, Phase},
    state::FurthestPhase,
};

/// What every step works with.
#[derive(Clone)]
pub(super) struct Tools {
    pub setting: Setting,
    pub record: Record,
    pub watch: Watch,
}

/// Where a passage is, for what the user's interrupt means to it.
#[derive(Clone, Copy)]
pub(super) struct Footing<'a> {
    pub address: &'a Address,
    /// Something was changed, and there is a way back: it is finished or taken back, not left as it is.
    pub open: bool,
    /// Whether there is a way back, so that the first change opens the passage.
    pub has_way_back: bool,
}

impl Footing<'_> {
    /// The footing once something was asked of the cloud, or not.
    pub fn after(&self, changed: bool) -> Self {
        Footing { open: self.open || (changed && self.has_way_back), ..*self }
    }
}

impl Tools {
    pub fn interrupt(&self) -> Interrupt {
        *self.setting.interrupt.borrow()
    }

    /// Whether a passage on this footing has to stop where it is.
    pub fn must_stop(&self, footing: &Footing) -> bool {
        match self.interrupt() {
            Interrupt::None => false,
            Interrupt::Finish => !footing.open,
            Interrupt::Leave => true,
        }
    }

    pub fn tell(&self, event: Event) {
        self.record.tell(event);
    }

    /// What the service says may quote SQL with a secret in it.
    pub fn redact(&self, mut error: Error) -> Error {
        error.detail = self.redacted(&error.detail);
        error
    }

    /// The phase of a statement; one that floe has never heard of is the service's own word.
    pub fn phase(&self, live: &LiveStatement) -> Phase {
        match &live.phase {
            Phase::Other(word) => Phase::Other(self.redacted(word)),
            known => known.clone(),
        }
    }

    pub fn redacted(&self, text: &str) -> String {
        self.setting.secrets.redact(text)
    }
}

/// Walks a passage. The error is that of the step that failed, whether or not the way back succeeded.
pub(super) async fn walk(passage: Passage, tools: Tools) -> Result<(), Failure> {
    let address = &passage.address;
    tools.tell(Event::Started { address: address.clone() });
    let (mut changed, mut walked) = (false, Ok(()));
    let begun = Footing { address, open: false, has_way_back: !passage.way_back.is_empty() };
    for step in &passage.forward {
        let footing = begun.after(changed);
        walked = if tools.must_stop(&footing) {
            Err(Failure::Interrupted)
        } else {
            operate::operate(step, &footing, &tools, &mut changed).await
        };
        if walked.is_err() {
            break;
        }
    }
    let Err(failure) = walked else { return Ok(()) };
    let can_go_back = !matches!(failure, Failure::Ledger(_) | Failure::Incoherent(_));
    if changed && can_go_back && !passage.way_back.is_empty() && tools.interrupt() < Interrupt::Leave {
        go_back(&passage, &tools).await;
    }
    Err(failure)
}

/// Every step whose guard holds, in order, until one fails; its failure is told beside the one that led here.
async fn go_back(passage: &Passage, tools: &Tools) {
    let address = &passage.address;
    tools.tell(Event::TakingBack { address: address.clone() });
    let footing = Footing { address, open: true, has_way_back: true };
    let mut taken = 0_usize;
    for step in &passage.way_back {
        if !holds(step, address, tools) {
            continue;
        }
        let mut changed = false;
        if let Err(failure) = operate::operate(step, &footing, tools, &mut changed).await {
            tools.record.not_taken_back(address, failure);
            return;
        }
        taken = taken.saturating_add(1);
    }
    if taken > 0 {
        tools.tell(Event::TakenBack { address: address.clone() });
    }
}

/// Judges a guard on the record as it is now.
fn holds(step: &Step, address: &Address, tools: &Tools) -> bool {
    let recorded = tools.record.now();
    let generation =
        |name: &str| recorded.statements.get(&address.key).and_then(|record| record.generation_named(name));
    match &step.when {
        None => true,
        Some(When::NeverRan { name }) => {
            generation(name).is_some_and(|found| found.reached == FurthestPhase::Submitted)
        }
        Some(When::Gone { name }) => {
            // An open submission of it may still land; whatever else is open makes no generation.
            let makes =
                |operation: &Operation| matches!(operation, Operation::Submit(submission) if submission.name == *name);
            let is_asked = recorded.open_intents.values().any(|open| makes(&open.intent.operation));
            generation(name).is_none() && !is_asked
        }
    }
}
