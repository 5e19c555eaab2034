//! A clock that the host steps, for tests and for rendering.

use longwave::{Clock, Stepper};

use super::{Pipeline, declared, lw_pipeline, with};
use crate::entry::call;
use crate::failure::{Failure, Outcome, lw_status};
use crate::text::ms;

/// Lets a pipeline run by a clock that stands still until `lw_pipeline_step_clock`. It then mixes as fast as
/// the machine can, waits for its decoders, and gives the same result every time: for tests, and for
/// rendering. To be called before `lw_pipeline_start` or `lw_station_start`; calling it again changes
/// nothing.
#[unsafe(no_mangle)]
pub extern "C" fn lw_pipeline_use_stepped_clock(pipeline: lw_pipeline) -> lw_status {
    call(|| declared(pipeline)?.use_stepped_clock())
}

/// Moves the clock of a pipeline on, by so many milliseconds, and returns when everything that became due has
/// been mixed, or when the pipeline has stopped. Encoders and hooks may be a little behind;
/// `lw_pipeline_stop` waits for both. `LW_INVALID` without `lw_pipeline_use_stepped_clock`. Not to be called
/// by hooks and `lw_next_track` functions, for which the mixer waits.
#[unsafe(no_mangle)]
pub extern "C" fn lw_pipeline_step_clock(pipeline: lw_pipeline, by_ms: u64) -> lw_status {
    call(|| {
        let declared = declared(pipeline)?;
        let stepper = declared.stepper()?;
        with(pipeline, |_| {
            stepper.run(ms(by_ms));
            Ok(lw_status::LW_OK)
        })
    })
}

impl Pipeline {
    fn use_stepped_clock(&self) -> Outcome {
        let mut declared = self.declared();
        if self.was_started() {
            return Err(Failure::invalid(
                "call lw_pipeline_use_stepped_clock before the pipeline is started",
            ));
        }
        self.stepper.get_or_init(|| {
            let (clock, stepper) = Clock::stepped();
            declared.clock = clock;
            stepper
        });
        Ok(lw_status::LW_OK)
    }

    fn stepper(&self) -> Outcome<&Stepper> {
        self.stepper.get().ok_or_else(|| {
            Failure::invalid(
                "this pipeline has no stepped clock: call lw_pipeline_use_stepped_clock before its start",
            )
        })
    }
}
