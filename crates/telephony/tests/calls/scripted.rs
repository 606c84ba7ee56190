//! A call's flow that does what a test says: so telephony is asked for every action, in every order.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use ringfence_callflow::{Action, Input, Output};
use ringfence_model::{CallEventKind, Disposition, Timestamp};
use ringfence_routing::Candidate;
use ringfence_telephony::Flow;
use tokio::sync::mpsc;

/// What to do when something happens; the first thing that happens is `Timeout`.
pub type Answers = Box<dyn FnMut(&Input) -> Vec<Action> + Send>;
type Make = Arc<dyn Fn(Vec<Candidate>) -> Answers + Send + Sync>;

/// How every call of a test runs, and where its inputs are told.
#[derive(Clone)]
pub struct Scripted {
    make: Make,
    told: mpsc::UnboundedSender<Input>,
}

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scripted")
    }
}

/// What a test is told.
pub struct Inputs(mpsc::UnboundedReceiver<Input>);

impl Scripted {
    pub fn new(make: impl Fn(Vec<Candidate>) -> Answers + Send + Sync + 'static) -> (Self, Inputs) {
        let (told, inputs) = mpsc::unbounded_channel();
        let make = Arc::new(make);
        (Self { make, told }, Inputs(inputs))
    }

    pub fn flow(&self, candidates: Vec<Candidate>, now: Timestamp) -> Box<dyn Flow> {
        Box::new(Machine {
            answers: (self.make)(candidates),
            told: self.told.clone(),
            outputs: VecDeque::new(),
            wake: Some(now),
            talking: false,
            closing: false,
            over: false,
        })
    }
}

impl Inputs {
    /// Everything that the calls were told, but for timeouts and progress.
    pub fn all(&mut self) -> Vec<Input> {
        let mut all = Vec::new();
        while let Ok(input) = self.0.try_recv() {
            if !matches!(input, Input::Timeout | Input::Progress { .. }) {
                all.push(input);
            }
        }
        all
    }
}

struct Machine {
    answers: Answers,
    told: mpsc::UnboundedSender<Input>,
    outputs: VecDeque<Output>,
    wake: Option<Timestamp>,
    talking: bool,
    /// A recording or a message will be told of.
    closing: bool,
    over: bool,
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Machine")
    }
}

impl Flow for Machine {
    fn handle(&mut self, input: Input, _: Timestamp) {
        if self.over {
            return;
        }
        if input == Input::Timeout && self.wake.take().is_none() {
            return;
        }
        let mut ends = false;
        for action in (self.answers)(&input) {
            match &action {
                Action::Bridge { .. } => self.talking = true,
                Action::HangUp { .. } => {
                    self.talking = false;
                    ends = !self.closing;
                }
                Action::TakeMessage { .. } | Action::CloseRecording => self.closing = true,
                _ => {}
            }
            self.outputs.push_back(Output::Do(action));
        }
        // A call of a test is over when a side leaves, or its recording is there.
        ends |= match &input {
            Input::HungUp { .. } | Input::CallerCancelled | Input::Broken { .. } => !self.closing,
            Input::RecordingClosed { .. } | Input::MessageTaken { .. } => true,
            _ => false,
        };
        if ends {
            self.over = true;
            self.talking = false;
            self.outputs.push_back(Output::Emit(CallEventKind::Ended {
                disposition: Disposition::Answered,
                code: None,
                reason: "the test is over".into(),
            }));
        }
        // Whoever is told may have seen enough.
        let _ = self.told.send(input);
    }

    fn poll(&mut self) -> Output {
        if let Some(output) = self.outputs.pop_front() {
            return output;
        }
        match self.wake {
            _ if self.over => Output::Idle,
            Some(at) => Output::Timeout(at),
            None => Output::Timeout(Timestamp::from_micros(i64::MAX / 2)),
        }
    }

    fn is_talking(&self) -> bool {
        self.talking
    }
}
