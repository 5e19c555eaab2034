//! Reads the tables of outputs and mounts.

use std::sync::Arc;

use super::{At, Reader, SpecPlaces};
use crate::audio::PcmSpec;
use crate::codec::EncoderSettings;
use crate::codec::formats::{FORMAT, FORMATS, Format};
use crate::config::fields::Fields;
use crate::config::node::{Entry, Node, Value};
use crate::config::problem::Place;
use crate::error::Error;
use crate::pipeline::{OutputSettings, PipelineSettings, RelayedMountSettings};
use crate::recording::RecordSettings;
use crate::server::{MountSettings, check_fallback};
use crate::setting::{Settings, Written, reason_of, suggest};

impl Reader<'_> {
    /// Reads an output for a pipeline with this PCM spec.
    pub fn output_alone(&mut self, root: Node, spec: PcmSpec) -> Option<OutputSettings> {
        let places = SpecPlaces { channels: Place::default(), sample_rate: Place::default() };
        self.output(root, Place::default(), spec, &places)
    }

    pub(super) fn output(
        &mut self,
        node: Node,
        place: Place,
        spec: PcmSpec,
        places: &SpecPlaces,
    ) -> Option<OutputSettings> {
        let mut fields = Fields::of(node, place, &mut self.cx);
        let format = self.format(&mut fields);
        let encoder = match format {
            Some(format) => self.encoder(&mut fields, format, spec, places),
            None => {
                FORMATS.iter().flat_map(|format| (format.keys)()).for_each(|key| fields.ignore(key.key));
                None
            }
        };
        let mount = self.mount(&mut fields, format);
        let record = self.recording(&mut fields);
        fields.finish(&mut self.cx);
        Some(OutputSettings { encoder: encoder?, mount, record })
    }

    fn format(&mut self, fields: &mut Fields) -> Option<&'static Format> {
        let mut format = None;
        fields.value(&FORMAT, &mut self.cx, |written| {
            let Written::Text(name) = written else { return Ok(()) };
            format = Some(Format::named(name)?);
            Ok(())
        });
        if !fields.has(FORMAT.key) {
            let names: Vec<_> = FORMATS.iter().map(|format| format!("{:?}", format.name)).collect();
            let reason = format!("the key \"format\" is missing: {}", names.join(" or "));
            self.cx.problems.add(fields.place(), reason);
        }
        format
    }

    /// Reads the encoder of an output. It is opened once, so that a refusal by its codec shows before
    /// anything is on the air.
    fn encoder(
        &mut self,
        fields: &mut Fields,
        format: &Format,
        spec: PcmSpec,
        places: &SpecPlaces,
    ) -> Option<Arc<dyn EncoderSettings>> {
        let own = (format.keys)();
        let mut draft = format.draft?();
        let good = fields.read_draft(&mut *draft, &own, &mut self.cx);
        for other in FORMATS {
            let foreign = (other.keys)().into_iter().filter(|key| own.iter().all(|own| own.key != key.key));
            let reason = format!("only {} has this key", other.title);
            foreign.for_each(|key| fields.refuse(key.key, &reason, &mut self.cx));
        }
        if !good {
            return None;
        }
        let settings = draft.finish(&|key| fields.has(key));
        let (place, reason) = match settings.open(spec).err() {
            None => return Some(settings),
            Some(Error::Setting { key: "channels", reason }) => (places.channels.clone(), reason),
            Some(Error::Setting { key: "sample_rate", reason }) => (places.sample_rate.clone(), reason),
            Some(Error::Setting { key, reason }) => (fields.place_of_key(key), reason),
            Some(error) => (fields.place().clone(), error.to_string()),
        };
        self.cx.problems.add(&place, reason);
        None
    }

    /// Reads a mount that an application feeds.
    pub fn mount_alone(&mut self, root: Node) -> MountSettings {
        let mut fields = Fields::of(root, Place::default(), &mut self.cx);
        let mut mount = self.mount(&mut fields, None);
        fields.read(&mut mount, MountSettings::STREAM_KEYS, &mut self.cx);
        for (key, example) in [("mount", "/live.mp3"), ("content_type", "audio/mpeg")] {
            if !fields.has(key) {
                let reason = format!("the key {key:?} is missing: {example:?}, for example");
                self.cx.problems.add(fields.place(), reason);
            }
        }
        fields.finish(&mut self.cx);
        mount
    }

    /// Reads a relayed mount.
    pub fn relayed_mount(&mut self, node: Node, place: Place) -> RelayedMountSettings {
        let mut fields = Fields::of(node, place, &mut self.cx);
        let mut relayed = RelayedMountSettings { mount: self.mount(&mut fields, None), ..Default::default() };
        fields.read(&mut relayed, RelayedMountSettings::KEYS, &mut self.cx);
        relayed.record = self.recording(&mut fields);
        if !fields.has("mount") {
            let reason = "the key \"mount\" is missing: \"/guest.mp3\", for example";
            self.cx.problems.add(fields.place(), reason);
        } else if let (Some(place), Err(error)) = (fields.place_of_valid("content_type"), relayed.check())
            && matches!(error, Error::Setting { key: "content_type", .. })
        {
            self.cx.problems.add(&place, reason_of(error));
        }
        fields.finish(&mut self.cx);
        relayed
    }

    /// Reads the keys of a table that describe its mount.
    fn mount(&mut self, fields: &mut Fields, format: Option<&Format>) -> MountSettings {
        let mut mount = MountSettings::default();
        fields.read(&mut mount, MountSettings::KEYS, &mut self.cx);
        if !fields.has("mount")
            && let Some(format) = format
        {
            mount.path = format.default_mount.into();
        }
        if !mount.path.is_empty() {
            self.claim_mount(&mount.path, fields.place_of("mount"));
        }
        if mount.fallback_mount.is_some() {
            self.fallbacks.push(At { value: mount.path.clone(), place: fields.place_of("fallback_mount") });
        }
        mount
    }

    /// Reads the keys of a table that say how it is recorded.
    pub(super) fn recording(&mut self, fields: &mut Fields) -> RecordSettings {
        let mut record = RecordSettings::default();
        fields.read(&mut record, RecordSettings::KEYS, &mut self.cx);
        if record.record.is_some() {
            record.base = self.cx.base.to_owned();
        }
        record
    }

    /// Checks fallback mounts and the mounts that they stand in for. With `all`, the station has no other
    /// mounts.
    pub(super) fn check_fallbacks(
        &mut self,
        pipelines: &[PipelineSettings],
        relayed: &[RelayedMountSettings],
        all: bool,
    ) {
        let outputs = pipelines.iter().flat_map(|pipeline| &pipeline.outputs);
        let relayed = relayed.iter().map(|relayed| relayed.mount.clone());
        let mounts: Vec<_> = outputs.map(OutputSettings::typed_mount).chain(relayed).collect();
        for At { value: path, place } in &self.fallbacks {
            let Some(mount) = mounts.iter().find(|mount| mount.path == *path) else { continue };
            let others: Vec<_> = mounts.iter().filter(|other| other.path != *path).collect();
            let mut known = others.iter().map(|other| other.path.as_str());
            if let Err(reason) = check_fallback(mount, &others) {
                self.cx.problems.add(place, reason);
            } else if let Some(fallback) = mount.fallback_mount.as_deref()
                && all
                && !known.any(|other| other == fallback)
            {
                let known: Vec<_> = others.iter().map(|other| other.path.as_str()).collect();
                self.cx.problems.add(place, suggest::unknown_mount(fallback, &known));
            }
        }
    }
}

/// The outputs of a pipeline at `place` that declares none: one for each format.
pub(super) fn default_outputs(place: &Place) -> Vec<(Node, Place)> {
    let built = FORMATS.iter().filter(|format| format.draft.is_some());
    let output = |format: &Format| {
        let node = Node { line: place.line, value: Value::Text(format.name.into()) };
        let entry = Entry { key: FORMAT.key.into(), line: place.line, node };
        (Node { line: place.line, value: Value::Table(vec![entry]) }, place.clone())
    };
    built.map(output).collect()
}
