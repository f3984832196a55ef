//! Commands that go to one node together. All keys of a batch share a hash tag.

use redis::{Cmd, FromRedisValue, Pipeline, Value, cmd};

use super::{
    super::StoreError,
    fault::{Fault, first_fault},
};

/// What is sent, and how.
#[derive(Clone)]
pub(super) struct Batch {
    commands: Vec<Cmd>,
    is_atomic: bool,
    /// A key beside those written: set last, so that a repeat which changes nothing is waited for too.
    beat: Option<Vec<u8>>,
}

/// How long replicas may take to say that they have a write.
const WAIT_MS: u64 = 500;

impl Batch {
    pub(super) fn of(command: Cmd) -> Self {
        Self {
            commands: vec![command],
            is_atomic: false,
            beat: None,
        }
    }

    pub(super) fn new() -> Self {
        Self {
            commands: Vec::new(),
            is_atomic: false,
            beat: None,
        }
    }

    /// All or nothing, with nobody in between.
    pub(super) fn atomic() -> Self {
        Self {
            is_atomic: true,
            ..Self::new()
        }
    }

    pub(super) fn add(mut self, command: Cmd) -> Self {
        self.commands.push(command);
        self
    }

    /// Not done before as many replicas have it as the settings ask for.
    pub(super) fn kept(mut self, beat: Vec<u8>) -> Self {
        self.beat = Some(beat);
        self
    }

    pub(super) const fn is_kept(&self) -> bool {
        self.beat.is_some()
    }

    /// MULTI and EXEC are commands of the pipeline here, not its mode: only so does a cluster
    /// connection see MOVED and ASK among the answers, and follow them.
    pub(super) fn pipeline(&self, replicas: u16) -> Pipeline {
        let mut pipeline = Pipeline::with_capacity(self.commands.len() + 4);
        if self.is_atomic {
            pipeline.add_command(cmd("MULTI"));
        }
        for command in &self.commands {
            pipeline.add_command(command.clone());
        }
        if self.is_atomic {
            pipeline.add_command(cmd("EXEC"));
        }
        if let Some(beat) = self.beat.as_ref().filter(|_| replicas > 0) {
            pipeline.cmd("SET").arg(beat).arg("");
            pipeline.cmd("WAIT").arg(replicas).arg(WAIT_MS);
        }
        pipeline
    }

    /// What the commands answered, in order.
    pub(super) fn read<T: FromRedisValue>(
        &self,
        mut values: Vec<Value>,
        replicas: u16,
    ) -> Result<T, Fault> {
        if let Some(fault) = first_fault(&values) {
            return Err(fault);
        }
        if self.is_kept() && replicas > 0 {
            let waited = values.pop();
            let _set = values.pop();
            let enough = matches!(waited, Some(Value::Int(n)) if n >= i64::from(replicas));
            if !enough {
                return Err(Fault::Store(StoreError::Unavailable));
            }
        }
        let answers = if self.is_atomic {
            values.pop().unwrap_or(Value::Nil)
        } else {
            Value::Array(values)
        };
        T::from_redis_value(answers).map_err(|_| Fault::Store(StoreError::Corrupt))
    }
}
