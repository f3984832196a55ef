//! What an operator may know about the relay as a whole, and nobody in particular.

use sotto_protocol::id::{Board, LineId};

use super::Relay;
use crate::{error::Error, store::StoreError, telemetry::metrics::State};

impl Relay {
    /// Looks at store and lines, and shows it in the metrics until the next call.
    pub async fn publish(&self, resident: u64) {
        let mut state = State {
            at: self.clock.now(),
            durability: self.store.check().await.ok(),
            resident,
            ..State::default()
        };
        for line in self.lines.ids() {
            if self.look_at(line, &mut state).await.is_err() {
                state.durability = None;
            }
        }
        self.metrics.publish(state);
    }

    async fn look_at(&self, id: LineId, state: &mut State) -> Result<(), StoreError> {
        let waiting = self.store.waiting(id).await?;
        state.waiting = state.waiting.saturating_add(waiting.records);
        if let Some(oldest) = waiting.oldest {
            state.oldest = state.oldest.max(state.at.saturating_sub(oldest));
        }
        let line = self.line(id).await;
        let [served, closed] = &mut state.lines;
        let line = match line {
            Ok(line) => {
                *served += 1;
                line
            }
            Err(Error::Unknown) => {
                *closed += 1;
                return Ok(());
            }
            Err(_) => return Err(StoreError::Unavailable),
        };
        let shown = self.store.served(id).await?;
        for ((board, shown), behind) in Board::ALL.into_iter().zip(shown).zip(&mut state.behind) {
            let length = line.statement.policy.cycle_seconds(board).max(1);
            *behind = (*behind).max((state.at / length).saturating_sub(shown));
        }
        Ok(())
    }
}
