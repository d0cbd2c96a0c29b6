package review

import "time"

// Shape is a form of usage that some kinds of misuse have. Innocent users have it too: it says where to look, and no more.
type Shape string

// The shapes, each named after the misuse that it is a reason to look for. Sessions without audio have none.
const (
	// ShapeAudiobook is that of at least 3 sessions of more than 60 minutes of audio.
	ShapeAudiobook Shape = "audiobook"
	// ShapePrerecorded is that of at least 5 sessions that are nearly equally long: their coefficient of variation is below 0.3.
	ShapePrerecorded Shape = "prerecorded"
	// ShapeCommercial is that of at least 20 sessions which are all of at most 3 kinds. A kind is vendor, model and mode: the
	// gateway knows no categories of what is talked about. Most apps make all their sessions of one kind, so that this is the weakest shape.
	ShapeCommercial Shape = "commercial"
	// ShapePodcast is that of at least 5 sessions of 25 to 90 minutes of audio.
	ShapePodcast Shape = "podcast"
)

const (
	audiobookSessions = 3
	audiobookAudio    = 60 * time.Minute

	prerecordedSessions  = 5
	prerecordedVariation = 0.3

	commercialSessions = 20
	commercialKinds    = 3

	podcastSessions              = 5
	podcastShortest, podcastLong = 25 * time.Minute, 90 * time.Minute
)

// shapes are those of sessions that have audio, in a fixed order.
func shapes(all []Session) []Shape {
	out := []Shape{}
	long, podcast := 0, 0
	kinds := make(map[[3]string]bool)
	for _, s := range all {
		kinds[[3]string{s.Vendor, s.Model, s.Mode}] = true
		audio := time.Duration(s.Audio) * time.Millisecond
		if audio > audiobookAudio {
			long++
		}
		if audio >= podcastShortest && audio <= podcastLong {
			podcast++
		}
	}
	for _, one := range []struct {
		shape Shape
		shown bool
	}{
		{ShapeAudiobook, long >= audiobookSessions},
		{ShapePrerecorded, len(all) >= prerecordedSessions && variation(all) < prerecordedVariation},
		{ShapeCommercial, len(all) >= commercialSessions && len(kinds) <= commercialKinds},
		{ShapePodcast, podcast >= podcastSessions},
	} {
		if one.shown {
			out = append(out, one.shape)
		}
	}
	return out
}
