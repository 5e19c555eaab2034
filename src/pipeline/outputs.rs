//! The outputs of a pipeline. An output is an encoder and the mount that it feeds.

use std::sync::Arc;
use std::time::{Duration, Instant};
use std::vec::Drain;

use crossbeam::channel::Receiver;

use super::hls::Outlets;
use super::{OutputSettings, Pipeline, limits};
use crate::audio::PcmSpec;
use crate::codec::{Encoder, EncoderSettings, is_same_encoder};
use crate::engine::counters::EncoderStats;
use crate::engine::encoders::Output;
use crate::engine::job::OutputId;
use crate::engine::line::{LinePacket, OutputSetup};
use crate::engine::mixer::Command;
use crate::error::{Error, Result};
use crate::event::{Emitter, Membership};
use crate::recording::Recordings;
use crate::server::{MountSettings, Server};
use crate::staff::Staff;

/// An encoder counts as stuck if so many jobs of 100 ms wait for it.
const TOO_MANY_JOBS: u64 = 20;

/// How long a removal waits for the output's encoder, which has a few jobs to do and must be flushed.
const FINISHES_WITHIN: Duration = Duration::from_secs(1);

pub(super) struct Outputs {
    /// The pipeline's name.
    pipeline: Arc<str>,
    spec: PcmSpec,
    /// Whose workers encode. Left at the end.
    staff: Option<Arc<Staff>>,
    /// The mounts whose listeners are reported in events.
    membership: Arc<Membership>,
    emitter: Emitter,
    recordings: Arc<Recordings>,
    next: u32,
    running: Vec<RunningOutput>,
    /// The paths of the outputs' mounts.
    mounts: Vec<String>,
}

/// An output on the air.
pub(super) struct RunningOutput {
    pub output: Arc<Output>,
    pub declared: OutputSettings,
    /// Where its packets go for HLS.
    pub outlets: Outlets,
}

impl Outputs {
    pub fn new(
        pipeline: Arc<str>,
        spec: PcmSpec,
        staff: Arc<Staff>,
        membership: Arc<Membership>,
        emitter: Emitter,
        recordings: Arc<Recordings>,
    ) -> Outputs {
        let (running, mounts) = Default::default();
        let staff = Some(staff);
        Outputs { pipeline, spec, staff, membership, emitter, recordings, next: 0, running, mounts }
    }

    /// Adds an output and its mount. The encoder is open already, so that settings that cannot work leave no
    /// trace on the server.
    pub fn add(
        &mut self,
        server: &Server,
        settings: OutputSettings,
        encoder: Box<dyn Encoder>,
    ) -> Result<Arc<Output>> {
        limits::outputs_of(self.running.len() + 1)?;
        let place = self.staff()?.encoders.place()?;
        settings.record.check()?;
        let writer = server.add_mount(filled_in(&settings, &self.pipeline, self.spec))?;
        let path = &settings.mount.path;
        let tap = self.recordings.tap(path, &self.pipeline, settings.content_type());
        self.recordings.set(path, &settings.record)?;
        let mut writer = writer.recorded_by(tap);
        let id = OutputId(self.next);
        self.next += 1;
        let setup = OutputSetup {
            id,
            mount: settings.mount.path.clone(),
            settings: settings.encoder.clone(),
            spec: self.spec,
            emitter: self.emitter.clone(),
        };
        let outlets = Outlets::default();
        let hls = outlets.clone();
        let sink = Box::new(move |packets: Drain<'_, LinePacket>| {
            hls.take(packets.as_slice());
            writer.push_all(packets.map(|packet| packet.titled));
        });
        let output = Arc::new(Output::new(setup, encoder, sink, place));
        self.membership.own(&settings.mount.path);
        self.mounts.push(settings.mount.path.clone());
        self.running.push(RunningOutput { output: output.clone(), declared: settings, outlets });
        Ok(output)
    }

    fn staff(&self) -> Result<&Staff> {
        self.staff.as_deref().ok_or(Error::Stopped("pipeline"))
    }

    /// The outputs that the mixer feeds.
    pub fn for_mixer(&self) -> Vec<Arc<Output>> {
        self.running.iter().map(|running| running.output.clone()).collect()
    }

    /// Those that are on the air, in the order in which they were added.
    pub fn running(&self) -> impl Iterator<Item = &RunningOutput> {
        self.running.iter()
    }

    /// The paths of its mounts.
    pub fn mounts(&self) -> &[String] {
        &self.mounts
    }

    pub fn find(&self, mount: &str) -> Result<&Arc<Output>> {
        let found = self.running.iter().map(|running| &running.output).find(|output| output.mount() == mount);
        found.ok_or_else(|| Error::NotFound(format!("output {mount} in this pipeline")))
    }

    /// An output and its declared settings.
    fn find_declared(&mut self, mount: &str) -> Result<(Arc<Output>, &mut OutputSettings)> {
        let found = self.running.iter_mut().find(|running| running.output.mount() == mount);
        let found = found.map(|running| (running.output.clone(), &mut running.declared));
        found.ok_or_else(|| Error::NotFound(format!("output {mount} in this pipeline")))
    }

    /// Encodes an output in another way from now on.
    fn encode_by(
        &mut self,
        mount: &str,
        settings: Arc<dyn EncoderSettings>,
        opened: Box<dyn Encoder>,
    ) -> Result<()> {
        let (output, declared) = self.find_declared(mount)?;
        declared.encoder = settings.clone();
        output.replace(settings, opened);
        Ok(())
    }

    /// The problems of the encoders.
    pub fn problems(&self) -> impl Iterator<Item = String> {
        self.running.iter().filter_map(|RunningOutput { output, .. }| {
            let mount = output.mount();
            if output.has_failed() {
                Some(format!("{mount}: the encoder has failed and is being rebuilt"))
            } else {
                (output.waiting() > TOO_MANY_JOBS).then(|| format!("{mount}: the encoder makes no progress"))
            }
        })
    }

    /// Ends every output. Encoders are flushed, and mounts end when their listeners have what is due. Returns
    /// names of what is stuck and left behind.
    pub fn finish(&mut self, deadline: Instant) -> Vec<String> {
        let Some(staff) = self.staff.take() else { return Vec::new() };
        let finished: Vec<_> =
            self.running.drain(..).map(|gone| (gone.output.finish(), gone.output)).collect();
        let is_stuck = |finished: &Receiver<()>| finished.recv_deadline(deadline).is_err();
        let stuck = finished.iter().filter(|(finished, _)| is_stuck(finished));
        let mut abandoned: Vec<_> = stuck.map(|(_, output)| format!("enc ({})", output.mount())).collect();
        if !abandoned.is_empty() {
            staff.encoders.dismiss_slow();
        }
        abandoned.extend(staff.leave(deadline));
        abandoned
    }
}

impl OutputSettings {
    /// The declared content type, or that of the encoder.
    pub(crate) fn content_type(&self) -> &str {
        match self.mount.content_type.as_str() {
            "" => self.encoder.content_type(),
            declared => declared,
        }
    }

    /// The mount's settings, with the content type.
    pub(crate) fn typed_mount(&self) -> MountSettings {
        MountSettings { content_type: self.content_type().into(), ..self.mount.clone() }
    }
}

/// The mount's settings, completed with the pipeline's name and with values of the encoder.
fn filled_in(settings: &OutputSettings, pipeline: &str, spec: PcmSpec) -> MountSettings {
    let mut mount = settings.typed_mount();
    mount.name = mount.name.filter(|name| !name.is_empty()).or_else(|| Some(pipeline.to_owned()));
    mount.bitrate = mount.bitrate.or(settings.encoder.bitrate());
    mount.sample_rate = mount.sample_rate.or(Some(spec.rate.hz()));
    mount.channels = mount.channels.or(Some(spec.channels.count() as u8));
    mount
}

impl Pipeline {
    /// The paths of its mounts, in the order in which they were added.
    pub fn mounts(&self) -> Vec<String> {
        self.inner.outputs().mounts().to_vec()
    }

    /// What the encoder of the output at this mount has done.
    ///
    /// # Errors
    /// [`Error::NotFound`] if no output has this mount.
    pub fn encoder_stats(&self, mount: &str) -> Result<EncoderStats> {
        self.inner.outputs().find(mount).map(|output| output.stats())
    }

    /// Adds an output. The other outputs are not affected.
    ///
    /// # Errors
    /// As for [`Pipeline::start`].
    pub fn add_output(&self, settings: OutputSettings) -> Result<()> {
        let server = self.server()?;
        // The outputs are not locked yet: an encoder of the application may ask for them while it is opened.
        let encoder = settings.encoder.open(self.inner.spec)?;
        let mut outputs = self.inner.outputs();
        let output = outputs.add(&server, settings, encoder)?;
        self.inner.hls_follows(&outputs);
        drop(outputs);
        self.inner.command(Command::AddOutput(output))
    }

    /// Replaces the encoder of an output, for example to change its bitrate. Its listeners stay, and the
    /// other outputs are not affected. The old encoder fades out and the new one fades in, with about a
    /// twentieth of a second of silence between them, or a sixth if decoders have to begin anew, as from
    /// AAC-LC to HE-AAC. The bitrate in the mount's headers stays as declared; see
    /// [`update_output`](Pipeline::update_output).
    ///
    /// # Errors
    /// [`Error::NotFound`] if no output has this mount; [`Error::Setting`] if the encoder cannot be opened,
    /// or makes another content type; [`Error::Stopped`] if the pipeline is off the air. Nothing changes
    /// then.
    pub fn replace_encoder(&self, mount: &str, encoder: impl EncoderSettings + 'static) -> Result<()> {
        self.inner.check_running()?;
        let settings: Arc<dyn EncoderSettings> = Arc::new(encoder);
        let before = self.inner.outputs().find_declared(mount)?.1.encoder.clone();
        let opened = self.open_in_place_of(mount, &before, &settings)?;
        let mut outputs = self.inner.outputs();
        outputs.encode_by(mount, settings, opened)?;
        self.inner.hls_follows(&outputs);
        Ok(())
    }

    /// Replaces the settings of the output at this mount. Its listeners stay. The encoder is replaced if its
    /// settings have changed, and the mount's headers are updated.
    ///
    /// # Errors
    /// As for [`replace_encoder`](Pipeline::replace_encoder) and [`Server::update_mount`].
    pub fn update_output(&self, settings: OutputSettings) -> Result<()> {
        self.inner.check_running()?;
        let path = &settings.mount.path;
        let before = self.inner.outputs().find_declared(path)?.1.encoder.clone();
        // What can be refused comes first: an output is changed whole or not at all.
        let opened = match is_same_encoder(&before, &settings.encoder) {
            true => None,
            false => Some(self.open_in_place_of(path, &before, &settings.encoder)?),
        };
        settings.record.check()?;
        self.server()?.update_mount(filled_in(&settings, &self.inner.name, self.inner.spec))?;
        let mut outputs = self.inner.outputs();
        let declared = outputs.find_declared(path)?.1;
        (declared.mount, declared.record) = (settings.mount.clone(), settings.record.clone());
        outputs.recordings.set(path, &settings.record)?;
        if let Some(opened) = opened {
            outputs.encode_by(path, settings.encoder, opened)?;
        }
        self.inner.hls_follows(&outputs);
        Ok(())
    }

    /// An encoder for listeners who have been sent what `before` encodes.
    fn open_in_place_of(
        &self,
        mount: &str,
        before: &Arc<dyn EncoderSettings>,
        settings: &Arc<dyn EncoderSettings>,
    ) -> Result<Box<dyn Encoder>> {
        if before.content_type() != settings.content_type() {
            let (old, new) = (before.content_type(), settings.content_type());
            return Err(Error::setting(
                "format",
                format!("{mount} is {old}: its listeners cannot go on with {new}"),
            ));
        }
        settings.open(self.inner.spec)
    }

    /// Ends an output and its mount. Its listeners get what is due; the other outputs are not affected. When
    /// this returns, another output may take the mount. A stuck encoder is not waited for.
    ///
    /// # Errors
    /// [`Error::NotFound`] if no output has this mount; [`Error::Stopped`] if the pipeline is off the air.
    pub fn remove_output(&self, mount: &str) -> Result<()> {
        self.inner.check_running()?;
        let mut outputs = self.inner.outputs();
        let output = outputs.find(mount)?.clone();
        self.inner.command(Command::RemoveOutput(output.id()))?;
        outputs.running.retain(|other| other.output.id() != output.id());
        outputs.mounts.retain(|other| other != mount);
        outputs.membership.disown(mount);
        outputs.recordings.remove(mount);
        self.inner.hls_follows(&outputs);
        // The mixer may give the output one more job. A finished output ignores it.
        let finished = output.finish();
        drop(outputs);
        // An encoder that takes longer is stuck, and `health` reports it.
        let _ = finished.recv_timeout(FINISHES_WITHIN);
        Ok(())
    }
}
