/**
 * All texts of the page, in each of its languages, and how it writes times. A text that is missing in one
 * language is an error of the compiler.
 *
 * @module
 */

/// <reference lib="dom" />

const english = {
  rooms: "Rooms",
  people: "People",
  skip: "Skip to the message box",
  openRooms: "Show rooms",
  openPeople: (count: number) => `Show people: ${count} here`,
  closePanel: "Close",
  addRoom: "Add a room",
  roomName: "Name of a room",
  leaveRoom: (room: string) => `Leave ${room}`,
  invite: "Invite",
  inviteHint: "Copy a link to this room",
  copied: "Link copied. Whoever opens it is in this room.",
  copyThis: "Copy this:",
  here: (count: number) => count === 1 ? "1 person here" : `${count} people here`,
  more: (count: number) => `and ${count} more`,
  you: "you",
  rename: "Change your name",
  yourName: "Your name",
  save: "Save",
  badName: "A name has 1 to 64 characters, all of which can be seen.",
  nameFixed: "Your name is given to you. It cannot be changed here.",
  badRoom: (room: string) => `${room} cannot be the name of a room.`,
  message: (room: string) => `Message to ${room}`,
  say: "Say something…",
  send: "Send",
  tooLong: (over: number) => `Too long by ${over} bytes`,
  messagesIn: (room: string) => `Messages in ${room}`,
  loading: "Entering the room…",
  empty: "Nothing has been said here yet.",
  emptyHint: "Be the first, or bring somebody along.",
  beginning: (room: string) => `This is where ${room} begins.`,
  older: "Loading older messages…",
  olderFailed: "Older messages could not be loaded.",
  tryAgain: "Try again",
  today: "Today",
  yesterday: "Yesterday",
  newMessages: "New",
  toLatest: "Latest messages",
  unread: (count: number) => count === 1 ? "1 new message" : `${count} new messages`,
  sending: "Sending",
  sent: "Sent",
  notSent: "Not sent.",
  retry: "Send again",
  discard: "Discard",
  manyJoined: (count: number) => count === 1 ? "1 person came in" : `${count} people came in`,
  manyLeft: (count: number) => count === 1 ? "1 person left" : `${count} people left`,
  manyRenamed: (count: number) =>
    count === 1 ? "1 person has another name" : `${count} people have other names`,
  joined: (name: string) => `${name} came in`,
  left: (name: string) => `${name} left`,
  renamed: (name: string) => `Somebody is now called ${name}`,
  renamedFrom: (from: string, name: string) => `${from} is now called ${name}`,
  typing: (names: readonly string[]) =>
    names.length > 2
      ? "Several people are typing"
      : `${names.join(" and ")} ${names.length === 1 ? "is" : "are"} typing`,
  lost: "Connection lost.",
  nextTry: (seconds: number) => `Trying again in ${seconds} s`,
  retrying: "Connecting…",
  tryNow: "Try now",
  back: "Connected again.",
  closed: "The server has ended this connection.",
  signedOut: "You are signed out.",
  expelled: "You may not be here any more.",
  notSaved: "This browser cannot keep what is not sent yet. Do not close the page before it is.",
  reload: "Start again",
  doubtful: "The server does not answer. Looking whether it is still there…",
  roomFull: (room: string) => `${room} is full. You are let in when there is a place.`,
  tooManyRooms: (room: string) => `There are too many rooms for ${room} now. It is tried again.`,
  tooManyConnections: "There are too many connections from your network. It is tried again.",
  tooFast: "That was more than the server allows at once. It is tried again.",
  serverFull: "The server is full. You are let in when there is a place.",
  unavailable: "The server cannot do that now. It is tried again.",
  forbidden: (room: string) => `You may not enter ${room}.`,
  removed: (room: string, until?: string) =>
    until ? `You may not be in ${room} until ${until}.` : `You are not in ${room} any more.`,
  enterAgain: "Enter again",
  muted: (until?: string) =>
    until ? `You may not write here until ${until}.` : "You may not write here any more.",
  readOnly: "You may read here, but not write.",
  refused: (room: string, why: string) => `${room} cannot be entered. ${why}`,
  tooMany: "Too many messages are waiting to be sent.",
  tooLarge: "It is too long.",
  notInRoom: "You are not in this room any more.",
  says: (name: string, text: string) => `${name}: ${text}`,
  inRoom: (room: string, text: string) => `In ${room}: ${text}`,
  showAll: "Show all",
  showLess: "Show less",
  deleted: "This message was deleted.",
  edited: "edited",
  edit: "Edit",
  editing: "Editing your message",
  reply: "Reply",
  replyingTo: (name: string, text: string) => `Reply to ${name}: ${text}`,
  cancel: "Cancel",
  remove: "Delete",
  reallyRemove: "Delete for everybody?",
  earlier: "An earlier message",
  messageActions: "Message",
  copyText: "Copy the text",
  textCopied: "Text copied.",
  copyMessageLink: "Copy a link to this message",
  messageCopied: "Link to this message copied.",
  reactWith: (reaction: string) => `React with ${reaction}`,
  reactions: (reaction: string, count: number) => `${reaction} ${count}`,
  mentionNames: "Names to mention",
  offered: (count: number) =>
    count === 1 ? "1 name. Enter takes it." : `${count} names. The arrows go through them.`,
  mentioned: "You are mentioned.",
  mentionedIn: (name: string, room: string) => `${name} mentions you in ${room}`,
  notify: "Tell me of mentions",
  notifyOn: "on",
  notifyOff: "off",
  notifyIsBlocked: "blocked",
  notifyIsUnsupported: "not supported",
  notifyBlocked:
    "Your browser blocks notifications of this page. You can allow them in its settings.",
  notifyUnsupported: "Your browser cannot show notifications of this page.",
  notRevised: (why: string) => `That could not be changed. ${why}`,
  findRooms: "Find rooms",
  filterRooms: "Filter these rooms",
  otherRooms: "Other rooms",
  members: (count: number) => `${count} here`,
  findingRooms: "Looking for rooms…",
  noOtherRooms: "There is nobody in any other room now.",
  noSuchRoom: "Nobody is in a room of that name now.",
  roomsFailed: "The rooms could not be loaded.",
  leftRoom: (room: string) => `You left ${room}.`,
  undo: "Undo",
  undoLeave: (room: string) => `Go back to ${room}`,
  palette: "Go to a room, or do something",
  commands: "Commands",
  enterRoom: (room: string) => `Enter ${room}`,
  copyRoomLink: "Copy a link to this room",
  showPeople: "Show people",
  shortcuts: "Keyboard shortcuts",
  anywhere: "Anywhere",
  whileWriting: "While writing",
  inMessages: "In the messages",
  previousRoom: "Room above",
  nextRoom: "Room below",
  newLine: "New line",
  editLast: "Edit your last message",
  newestMessage: "Go to the newest message",
  olderMessage: "Message above",
  newerMessage: "Message below",
  actOnMessage: "What can be done to a message",
  backToList: "Back",
  or: "or",
  signOut: "Sign out",
  reallySignOut: "Sign out?",
  guestIsLost:
    "You are a guest here. This device forgets who you are and which rooms you are in, and nobody can bring this guest back, not even you.",
  sessionEnds: "Your session ends on this page, and this device forgets which rooms you are in.",
  stay: "Stay",
};

/** The same strings in every language. */
export type Strings = typeof english;

const chinese: Strings = {
  rooms: "房间",
  people: "成员",
  skip: "跳到输入框",
  openRooms: "显示房间",
  openPeople: (count) => `显示成员：${count} 人在线`,
  closePanel: "关闭",
  addRoom: "添加房间",
  roomName: "房间名称",
  leaveRoom: (room) => `离开 ${room}`,
  invite: "邀请",
  inviteHint: "复制此房间的链接",
  copied: "链接已复制，打开它的人会进入此房间。",
  copyThis: "复制以下内容：",
  here: (count) => `${count} 人在线`,
  more: (count) => `还有 ${count} 人`,
  you: "你",
  rename: "修改名字",
  yourName: "你的名字",
  save: "保存",
  badName: "名字须为 1 至 64 个可见字符。",
  nameFixed: "你的名字由系统设定，不能在这里修改。",
  badRoom: (room) => `${room} 不能用作房间名称。`,
  message: (room) => `发送到 ${room} 的消息`,
  say: "说点什么…",
  send: "发送",
  tooLong: (over) => `超出 ${over} 字节`,
  messagesIn: (room) => `${room} 的消息`,
  loading: "正在进入房间…",
  empty: "这里还没有人说话。",
  emptyHint: "来说第一句，或邀请别人加入。",
  beginning: (room) => `${room} 从这里开始。`,
  older: "正在加载更早的消息…",
  olderFailed: "无法加载更早的消息。",
  tryAgain: "重试",
  today: "今天",
  yesterday: "昨天",
  newMessages: "新消息",
  toLatest: "回到最新",
  unread: (count) => `${count} 条新消息`,
  sending: "发送中",
  sent: "已发送",
  notSent: "未发送。",
  retry: "重新发送",
  discard: "丢弃",
  manyJoined: (count) => `${count} 人进来了`,
  manyLeft: (count) => `${count} 人离开了`,
  manyRenamed: (count) => `${count} 人改了名`,
  joined: (name) => `${name} 进来了`,
  left: (name) => `${name} 离开了`,
  renamed: (name) => `有人改名为 ${name}`,
  renamedFrom: (from, name) => `${from} 改名为 ${name}`,
  typing: (names) => names.length > 2 ? "多人正在输入" : `${names.join("和")} 正在输入`,
  lost: "连接已断开。",
  nextTry: (seconds) => `${seconds} 秒后重试`,
  doubtful: "服务器没有回应，正在确认连接…",
  tooManyRooms: (room) => `房间太多，暂时无法进入 ${room}，稍后会重试。`,
  tooManyConnections: "来自你所在网络的连接太多，稍后会重试。",
  tooFast: "操作太频繁，超出服务器的限制，稍后会重试。",
  serverFull: "服务器已满，有空位时会让你进入。",
  unavailable: "服务器暂时无法处理，稍后会重试。",
  forbidden: (room) => `你无权进入 ${room}。`,
  removed: (room, until) => until ? `${until} 之前你不能进入 ${room}。` : `你已不在 ${room} 中。`,
  enterAgain: "重新进入",
  muted: (until) => until ? `${until} 之前你不能在这里发言。` : "你已不能在这里发言。",
  readOnly: "你可以阅读，但不能发言。",
  retrying: "正在连接…",
  tryNow: "立即重试",
  back: "已重新连接。",
  closed: "服务器已结束此连接。",
  signedOut: "你已退出登录。",
  expelled: "你已不能留在这里。",
  notSaved: "此浏览器无法保存尚未发送的消息，发送完成前请勿关闭页面。",
  reload: "重新开始",
  roomFull: (room) => `${room} 已满，有空位时会自动进入。`,
  refused: (room, why) => `无法进入 ${room}。${why}`,
  tooMany: "等待发送的消息过多。",
  tooLarge: "消息太长。",
  notInRoom: "你已不在此房间中。",
  says: (name, text) => `${name}：${text}`,
  inRoom: (room, text) => `${room} 中，${text}`,
  showAll: "全部显示",
  showLess: "收起",
  deleted: "此消息已删除。",
  edited: "已编辑",
  edit: "编辑",
  editing: "正在编辑你的消息",
  reply: "回复",
  replyingTo: (name, text) => `回复 ${name}：${text}`,
  cancel: "取消",
  remove: "删除",
  reallyRemove: "确定对所有人删除？",
  earlier: "更早的消息",
  messageActions: "消息",
  copyText: "复制文字",
  textCopied: "文字已复制。",
  copyMessageLink: "复制此消息的链接",
  messageCopied: "消息链接已复制。",
  reactWith: (reaction) => `用 ${reaction} 回应`,
  reactions: (reaction, count) => `${reaction} ${count}`,
  mentionNames: "可提及的名字",
  offered: (count) => `${count} 个名字，用方向键选择，按回车确认。`,
  mentioned: "有人提到你。",
  mentionedIn: (name, room) => `${name} 在 ${room} 提到了你`,
  notify: "被提及时通知我",
  notifyOn: "开",
  notifyOff: "关",
  notifyIsBlocked: "已被阻止",
  notifyIsUnsupported: "不支持",
  notifyBlocked: "浏览器阻止了此页面的通知，你可以在浏览器设置中允许。",
  notifyUnsupported: "此浏览器无法显示此页面的通知。",
  notRevised: (why) => `无法更改。${why}`,
  findRooms: "查找房间",
  filterRooms: "筛选房间",
  otherRooms: "其他房间",
  members: (count) => `${count} 人`,
  findingRooms: "正在查找房间…",
  noOtherRooms: "其他房间现在都没有人。",
  noSuchRoom: "现在没有人在这个名称的房间里。",
  roomsFailed: "无法加载房间列表。",
  leftRoom: (room) => `你离开了 ${room}。`,
  undo: "撤销",
  undoLeave: (room) => `回到 ${room}`,
  palette: "前往房间或执行操作",
  commands: "操作",
  enterRoom: (room) => `进入 ${room}`,
  copyRoomLink: "复制此房间的链接",
  showPeople: "显示成员",
  shortcuts: "键盘快捷键",
  anywhere: "任何位置",
  whileWriting: "输入时",
  inMessages: "在消息中",
  previousRoom: "上一个房间",
  nextRoom: "下一个房间",
  newLine: "换行",
  editLast: "编辑你的上一条消息",
  newestMessage: "前往最新消息",
  olderMessage: "上一条消息",
  newerMessage: "下一条消息",
  actOnMessage: "可对消息进行的操作",
  backToList: "返回",
  or: "或",
  signOut: "退出登录",
  reallySignOut: "要退出登录吗？",
  guestIsLost:
    "你是访客。此设备会忘记你的身份和你所在的房间，任何人都无法恢复这个访客，你自己也不能。",
  sessionEnds: "你在此页面的会话将结束，此设备会忘记你所在的房间。",
  stay: "留下",
};

/** The page's language, which follows the browser's. */
export const language: "en" | "zh-CN" = navigator.language.toLowerCase().startsWith("zh")
  ? "zh-CN"
  : "en";

/** The strings of the page's language. */
export const strings: Strings = language === "en" ? english : chinese;

/** Isolates a name, so that its writing direction does not change the sentence's (UAX #9 §2.7). */
export function isolated(name: string): string {
  return `\u2068${name}\u2069`;
}

// In English the times follow the browser's region: 14:03 in London, 2:03 PM in Boston.
const locale = language === "en" && navigator.language.startsWith("en")
  ? navigator.language
  : language;
// Whether a day has 12 or 24 hours is the region's custom, also where the page is in English.
const { hourCycle } = new Intl.DateTimeFormat(navigator.language, { hour: "numeric" })
  .resolvedOptions();
const hours = hourCycle && { hourCycle };
const clock = new Intl.DateTimeFormat(locale, { hour: "numeric", minute: "2-digit", ...hours });
const day = new Intl.DateTimeFormat(locale, { weekday: "long", month: "long", day: "numeric" });
const dayAndYear = new Intl.DateTimeFormat(locale, { dateStyle: "full" });
const full = new Intl.DateTimeFormat(locale, { dateStyle: "full", timeStyle: "medium", ...hours });

/** Returns a time as `14:03`. */
export function clockTime(at: number): string {
  return clock.format(at);
}

/** Returns a time as `Wednesday, 3 June 2026 at 14:03:07`. */
export function fullTime(at: number): string {
  return full.format(at);
}

/** Returns a day as `Today`, `Yesterday` or `Monday, June 1`; with the year if it is another one. */
export function dayName(at: number, now = new Date()): string {
  const date = new Date(at);
  const yesterday = new Date(now);
  yesterday.setDate(now.getDate() - 1);
  if (date.toDateString() === now.toDateString()) return strings.today;
  if (date.toDateString() === yesterday.toDateString()) return strings.yesterday;
  return (date.getFullYear() === now.getFullYear() ? day : dayAndYear).format(at);
}
