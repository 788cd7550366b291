// A bot on an unmodified discord.js, driven by discordjs_test.go: it answers "ping" with a file, an embed, a button and an edit,
// and serves a slash command, completion, a context-menu command with a modal, and the button. It prints one
// JSON object a line for what it saw.
import { ActionRowBuilder, ButtonBuilder, ButtonStyle, Client, EmbedBuilder, GatewayIntentBits, ModalBuilder, Partials,
  TextInputBuilder, TextInputStyle } from 'discord.js';

const { rest, cdn, token } = JSON.parse(process.env.LOCAL_DISCORD);
const say = (step, more = {}) => console.log(JSON.stringify({ step, ...more }));

const client = new Client({
  intents: [GatewayIntentBits.Guilds, GatewayIntentBits.GuildMessages, GatewayIntentBits.GuildMessageReactions, GatewayIntentBits.DirectMessages,
    GatewayIntentBits.MessageContent, GatewayIntentBits.GuildVoiceStates, GatewayIntentBits.GuildMembers],
  partials: [Partials.Channel],
  rest: { api: rest, cdn },
});
const fail = (error) => console.log(JSON.stringify({ error }));
client.on('error', (err) => fail(String(err)));
client.on('warn', fail);
process.on('unhandledRejection', (err) => { fail(String(err?.stack ?? err)); process.exit(1); });

client.once('clientReady', async () => {
  const commands = await client.application.commands.set([
    { name: 'ask', description: 'Ask something', options: [
      { type: 3, name: 'question', description: 'What', required: true },
      { type: 3, name: 'dataset', description: 'Which', autocomplete: true },
      { type: 11, name: 'file', description: 'A file' }] },
    { name: 'Correct this', type: 3 },
  ]);
  const guild = client.guilds.cache.first();
  const members = await guild.members.fetch();
  say('ready', { user: client.user.username, guild: guild.name, commands: commands.size, members: members.size, channels: guild.channels.cache.size,
    avatar: (await fetch(client.user.displayAvatarURL({ extension: 'png' }))).status });
});

client.on('messageCreate', async (message) => {
  if (message.author.bot || message.content !== 'ping') return;
  const [file] = message.attachments.values();
  const body = await (await fetch(file.url)).text();
  await message.channel.sendTyping();
  await message.react('👍');
  const reply = await message.reply({
    content: 'pong',
    embeds: [new EmbedBuilder().setTitle('Pong').setDescription(body).setImage('attachment://dot.png')],
    files: [{ attachment: Buffer.from('answer'), name: 'answer.txt', description: 'the answer' }, { attachment: Buffer.from([1, 2, 3]), name: 'dot.png' }],
    components: [new ActionRowBuilder().addComponents(new ButtonBuilder().setCustomId('more').setLabel('More').setStyle(ButtonStyle.Primary))],
  });
  await reply.edit('pong, edited');
  const last = await message.channel.messages.fetch({ limit: 2 });
  const again = await message.channel.messages.fetch({ message: reply.id, force: true });
  say('pinged', { body, fetched: last.size, content: again.content, attachments: again.attachments.size, reference: again.reference?.messageId });
});

client.on('messageReactionAdd', (reaction, user) => {
  if (user.id !== client.user.id) say('reaction', { emoji: reaction.emoji.name, user: user.username ?? user.id });
});
client.on('voiceStateUpdate', (before, after) => say('voice', { channel: after.channel?.name ?? null }));
client.on('shardResume', (id, replayed) => say('resumed', { replayed }));

client.on('interactionCreate', async (interaction) => {
  if (interaction.isAutocomplete()) {
    await interaction.respond([{ name: 'faq', value: 'faq' }]);
    say('completed', { focused: interaction.options.getFocused() });
  } else if (interaction.isChatInputCommand()) {
    const response = await interaction.deferReply({ withResponse: true });
    const file = interaction.options.getAttachment('file');
    const text = file ? await (await fetch(file.url)).text() : '';
    const edited = await interaction.editReply({ content: `answer to ${interaction.options.getString('question')} ${text}`.trim(), files: [{ attachment: Buffer.from('x'), name: 'x.csv' }] });
    const more = await interaction.followUp({ content: 'only for you', flags: 64 });
    const original = await interaction.fetchReply();
    await interaction.deleteReply(more);
    say('answered', { same: original.id === edited.id && response.interaction.responseMessageId === edited.id, locale: interaction.locale, manage: interaction.memberPermissions.has('ManageGuild') });
  } else if (interaction.isMessageContextMenuCommand()) {
    const input = new TextInputBuilder().setCustomId('right').setLabel('What is right?').setStyle(TextInputStyle.Paragraph);
    await interaction.showModal(new ModalBuilder().setCustomId('correct').setTitle('Correct').addComponents(new ActionRowBuilder().addComponents(input)));
    say('modal', { target: interaction.targetMessage.content });
  } else if (interaction.isModalSubmit()) {
    await interaction.reply({ content: `learned: ${interaction.fields.getTextInputValue('right')}` });
  } else if (interaction.isButton()) {
    await interaction.update({ content: 'more', components: [] });
    say('button');
  }
});

process.stdin.resume().on('end', async () => { await client.destroy(); process.exit(0); });
client.login(token);
