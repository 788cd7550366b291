// Package learn turns examples that people gave into a model that answers, and says honestly how good it is.
//
// Examples are read by package dataset. Clean settles duplicates and contradictions among them. Train builds a Model
// and a Report whose figures come from texts that the predicting model hadn't seen. Model.Predict names a label with a
// calibrated probability and a reply, and says when it doesn't know. Evaluate measures a model on a test set, Compare
// decides whether a new model may replace the old one, and Corrections answers what people corrected until the next
// training has absorbed it. Model.Save and Load keep a model in a file.
//
// Training is deterministic: the same examples and seed give the same bytes, whatever the number of threads. Models are
// linear machines over words, pairs of words and character n-grams; they train in seconds and predict in microseconds.
//
// The package knows no SQL, no HTTP and no Discord.
package learn
