# Runs scikit-learn and fastText, where they are installed, on the sets named on the command line (name,train,test,oos).
import json, os, sys, tempfile, time

def read(path):
    rows = [json.loads(l) for l in open(path + ".jsonl", encoding="utf-8")]
    return [r["text"] for r in rows], [r.get("label") or r.get("reply") for r in rows]

try:
    import sklearn
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_union
    from sklearn.svm import LinearSVC
    from sklearn.linear_model import LogisticRegression
except ImportError:
    sklearn = None
    print("scikit-learn is not installed")
try:
    import fasttext
    fasttext.FastText.eprint = lambda x: None
except ImportError:
    fasttext = None
    print("fastText is not installed")

def auroc(inside, outside):
    both = sorted([(s, 1) for s in inside] + [(s, 0) for s in outside])
    wins, below = 0, 0
    for s, y in both:
        if y:
            wins += below
        else:
            below += 1
    return wins / len(inside) / len(outside)

def report(tool, name, right, n, seconds, cpu, extra=""):
    print("%-24s %-20s accuracy %.4f  train %.2f s  cpu %.2f s%s" % (tool, name, right / n, seconds, cpu, extra), flush=True)

data = sys.argv[1]
for spec in sys.argv[2:]:
    name, train, test, oos = spec.split(",")
    x, y = read(os.path.join(data, train))
    tx, ty = read(os.path.join(data, test))
    ox = read(os.path.join(data, oos))[0] if oos else []
    if sklearn:
        for tool, make in (("LinearSVC", lambda: LinearSVC()), ("LogisticRegression C=10", lambda: LogisticRegression(C=10, max_iter=1000))):
            if tool != "LinearSVC" and len(x) * len(set(y)) > 1e6:
                continue  # minutes
            t, c = time.time(), time.process_time()
            v = make_union(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True))
            m = make().fit(v.fit_transform(x), y)
            t, c = time.time() - t, time.process_time() - c
            p = m.predict(v.transform(tx))
            extra = ""
            if ox:
                s, o = m.decision_function(v.transform(tx)), m.decision_function(v.transform(ox))
                extra = "  OOS AUROC %.4f" % auroc(s.max(axis=1), o.max(axis=1))
            report(tool, name, sum(a == b for a, b in zip(p, ty)), len(ty), t, c, extra)
    if fasttext:
        labels = sorted(set(y))
        with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8", delete=False) as f:
            for a, b in zip(x, y):
                f.write("__label__%d %s\n" % (labels.index(b), a.lower()))
        t, c = time.time(), time.process_time()
        m = fasttext.train_supervised(f.name, lr=1.0, epoch=50, dim=50, wordNgrams=2, minn=2, maxn=5, bucket=200000, thread=2, verbose=0)
        t, c = time.time() - t, time.process_time() - c
        os.unlink(f.name)
        right = 0
        for a, b in zip(tx, ty):
            got = m.f.predict(a.lower().replace("\n", " ") + "\n", 1, 0.0, "strict")
            right += bool(got) and labels[int(got[0][1].replace("__label__", ""))] == b
        report("fastText", name, right, len(ty), t, c)
