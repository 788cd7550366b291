// Runs clips through sherpa-onnx-node with one thread, as they are. The first line of standard input is the model as JSON, each
// further one the path of a clip; each is answered with one line of JSON.
const sherpa = require('sherpa-onnx-node');
let recognizer;
require('readline').createInterface({input: process.stdin}).on('line', line => {
  if (!recognizer) {
    const {encoder, mergedDecoder, tokens} = JSON.parse(line);
    recognizer = new sherpa.OfflineRecognizer({
      featConfig: {sampleRate: 16000, featureDim: 80},
      modelConfig: {moonshine: {encoder, mergedDecoder}, tokens, numThreads: 1, provider: 'cpu'},
    });
    console.log('{}');
    return;
  }
  const started = process.hrtime.bigint(), cpu = process.cpuUsage();
  const stream = recognizer.createStream();
  stream.acceptWaveform(sherpa.readWave(line));
  recognizer.decode(stream);
  const text = recognizer.getResult(stream).text;
  const seconds = Number(process.hrtime.bigint() - started) / 1e9;
  const {user, system} = process.cpuUsage(cpu);
  console.log(JSON.stringify({seconds, cpu: (user + system) / 1e6, text}));
});
