// A bot on an unmodified discord.js, driven by kinds_test.go: it sends the kinds of messages that came after 2024, and prints one JSON
// object a line for how they came back to it.
import { ChannelType, Client, ContainerBuilder, GatewayIntentBits, MessageFlags, SeparatorBuilder, TextDisplayBuilder } from 'discord.js';

const { rest, cdn, token } = JSON.parse(process.env.LOCAL_DISCORD);
const say = (step, more = {}) => console.log(JSON.stringify({ step, ...more }));

const client = new Client({
  intents: [GatewayIntentBits.Guilds, GatewayIntentBits.GuildMessages, GatewayIntentBits.MessageContent],
  rest: { api: rest, cdn },
});
const fail = (error) => console.log(JSON.stringify({ error }));
client.on('error', (err) => fail(String(err)));
client.on('warn', fail);
process.on('unhandledRejection', (err) => { fail(String(err?.stack ?? err)); process.exit(1); });

client.on('messageCreate', (message) => {
  if (message.author.id !== client.user.id) return;
  const texts = [];
  const walk = (list) => list?.forEach((c) => { if (c.content) texts.push(c.content); walk(c.components); });
  walk(message.components);
  say('came', {
    id: message.id, type: message.type, channel: message.channel?.name, parent: message.channel?.parent?.name ?? null, content: message.content, texts,
    v2: message.flags.has(MessageFlags.IsComponentsV2), forwarded: message.messageSnapshots.map((m) => m.content),
    files: message.messageSnapshots.map((m) => m.attachments.size), poll: message.poll?.question.text ?? null,
    answers: message.poll?.answers.map((a) => a.text) ?? [], thread: message.channel?.isThread() ?? false,
  });
});
client.on('threadUpdate', (before, after) => say('thread', { archived: after.archived }));

client.once('clientReady', async () => {
  const guild = client.guilds.cache.first();
  const text = guild.channels.cache.find((c) => c.name === 'general');
  const forum = guild.channels.cache.find((c) => c.type === ChannelType.GuildForum);
  const first = await text.send({ content: 'When is the fair?', files: [{ attachment: Buffer.from('x'), name: 'x.txt' }] });
  await first.forward(text);
  const box = await text.send({
    flags: MessageFlags.IsComponentsV2,
    components: [new ContainerBuilder().addTextDisplayComponents(new TextDisplayBuilder().setContent('in a box')).addSeparatorComponents(new SeparatorBuilder()),
      new TextDisplayBuilder().setContent('below it')],
  });
  await box.reply('a reply to the box');
  await text.send({ poll: { question: { text: 'Tea?' }, answers: [{ text: 'yes' }, { text: 'no' }], duration: 1, allowMultiselect: false } });
  const post = await forum.threads.create({ name: 'The fair', message: { content: 'a post' } });
  await post.send('in the post');
  const thread = await first.startThread({ name: 'about the fair' });
  await thread.send('in the thread');
  await thread.setArchived(true);
  const own = guild.members.me.roles.botRole;
  say('done', { managed: own?.managed ?? false, role: own?.id ?? null, afk: guild.afkChannel?.name ?? null, active: (await text.threads.fetchActive()).threads.size,
    limit: client.ws.shards.size });
});

process.stdin.resume().on('end', async () => { await client.destroy(); process.exit(0); });
client.login(token);
