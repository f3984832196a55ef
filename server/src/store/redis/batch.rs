//! Commands that go to one node together. All keys of a batch share a hash tag.

use redis::{Cmd, FromRedisValue, Pipeline, Value, cmd};

use super::{
    super::StoreError,
    fault::{Fault, first_fault},
};

/// What is sent, and how.
#[derive(Clone)]
pub(super) struct Batch {
    pipeline: Pipeline,
    is_atomic: bool,
    /// A key beside those written: set last, so that a repeat which changes nothing is waited for too.
    beat: Option<Vec<u8>>,
}

/// A batch as it goes out.
pub(super) struct Sealed {
    pub(super) pipeline: Pipeline,
    is_atomic: bool,
    /// Replicas that are waited for.
    replicas: u16,
}

/// How long replicas may take to say that they have a write.
const WAIT_MS: u64 = 500;

impl Batch {
    pub(super) fn of(command: Cmd) -> Self {
        Self::new().add(command)
    }

    pub(super) fn new() -> Self {
        Self {
            pipeline: Pipeline::new(),
            is_atomic: false,
            beat: None,
        }
    }

    /// All or nothing, with nobody in between. MULTI and EXEC are commands of the pipeline here, not its
    /// mode: only so does a cluster connection see MOVED and ASK among the answers, and follow them.
    pub(super) fn atomic() -> Self {
        Self {
            is_atomic: true,
            ..Self::of(cmd("MULTI"))
        }
    }

    pub(super) fn add(mut self, command: Cmd) -> Self {
        self.pipeline.add_command(command);
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

    pub(super) fn seal(self, replicas: u16) -> Sealed {
        let mut pipeline = self.pipeline;
        if self.is_atomic {
            pipeline.cmd("EXEC");
        }
        let beat = self.beat.filter(|_| replicas > 0);
        if let Some(beat) = &beat {
            pipeline.cmd("SET").arg(beat).arg("");
            pipeline.cmd("WAIT").arg(replicas).arg(WAIT_MS);
        }
        Sealed {
            pipeline,
            is_atomic: self.is_atomic,
            replicas: beat.map_or(0, |_| replicas),
        }
    }
}

impl Sealed {
    /// What the commands answered, in order.
    pub(super) fn read<T: FromRedisValue>(&self, mut values: Vec<Value>) -> Result<T, Fault> {
        if let Some(fault) = first_fault(&values) {
            return Err(fault);
        }
        if self.replicas > 0 {
            let (waited, _set) = (values.pop(), values.pop());
            let wanted = i64::from(self.replicas);
            if !matches!(waited, Some(Value::Int(count)) if count >= wanted) {
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
