/**
 * The files that the server hands to browsers, as text, each under its path. They are imported and not
 * read, so that they come along wherever the server's modules do: over https and in a compiled program.
 *
 * tests/library_test.ts says which line is missing.
 *
 * @module
 */
export { default as "client/allowance.ts" } from "./client/allowance.ts" with { type: "text" };
export { default as "client/choose_transport.ts" } from "./client/choose_transport.ts" with { type: "text" };
export { default as "client/client.ts" } from "./client/client.ts" with { type: "text" };
export { default as "client/clock.ts" } from "./client/clock.ts" with { type: "text" };
export { default as "client/connection.ts" } from "./client/connection.ts" with { type: "text" };
export { default as "client/connection_holder.ts" } from "./client/connection_holder.ts" with { type: "text" };
export { default as "client/deferred.ts" } from "./client/deferred.ts" with { type: "text" };
export { default as "client/errors.ts" } from "./client/errors.ts" with { type: "text" };
export { default as "client/events.ts" } from "./client/events.ts" with { type: "text" };
export { default as "client/fallback.ts" } from "./client/fallback.ts" with { type: "text" };
export { default as "client/held_rooms.ts" } from "./client/held_rooms.ts" with { type: "text" };
export { default as "client/http.ts" } from "./client/http.ts" with { type: "text" };
export { default as "client/http_transport.ts" } from "./client/http_transport.ts" with { type: "text" };
export { default as "client/identity.ts" } from "./client/identity.ts" with { type: "text" };
export { default as "client/liveness.ts" } from "./client/liveness.ts" with { type: "text" };
export { default as "client/membership.ts" } from "./client/membership.ts" with { type: "text" };
export { default as "client/mod.ts" } from "./client/mod.ts" with { type: "text" };
export { default as "client/options.ts" } from "./client/options.ts" with { type: "text" };
export { default as "client/outbox.ts" } from "./client/outbox.ts" with { type: "text" };
export { default as "client/receiver.ts" } from "./client/receiver.ts" with { type: "text" };
export { default as "client/room_streams.ts" } from "./client/room_streams.ts" with { type: "text" };
export { default as "client/sender.ts" } from "./client/sender.ts" with { type: "text" };
export { default as "client/shared_transport.ts" } from "./client/shared_transport.ts" with { type: "text" };
export { default as "client/sse.ts" } from "./client/sse.ts" with { type: "text" };
export { default as "client/storage.ts" } from "./client/storage.ts" with { type: "text" };
export { default as "client/transport.ts" } from "./client/transport.ts" with { type: "text" };
export { default as "page/announcer.ts" } from "./page/announcer.ts" with { type: "text" };
export { default as "page/app.ts" } from "./page/app.ts" with { type: "text" };
export { default as "page/banner.ts" } from "./page/banner.ts" with { type: "text" };
export { default as "page/composer.ts" } from "./page/composer.ts" with { type: "text" };
export { default as "page/copy_source.ts" } from "./page/copy_source.ts" with { type: "text" };
export { default as "page/deeds.ts" } from "./page/deeds.ts" with { type: "text" };
export { default as "page/dom.ts" } from "./page/dom.ts" with { type: "text" };
export { default as "page/field_error.ts" } from "./page/field_error.ts" with { type: "text" };
export { default as "page/find_address.ts" } from "./page/find_address.ts" with { type: "text" };
export { default as "page/find_fences.ts" } from "./page/find_fences.ts" with { type: "text" };
export { default as "page/index.html" } from "./page/index.html" with { type: "text" };
export { default as "page/known_names.ts" } from "./page/known_names.ts" with { type: "text" };
export { default as "page/lines.ts" } from "./page/lines.ts" with { type: "text" };
export { default as "page/list_element.ts" } from "./page/list_element.ts" with { type: "text" };
export { default as "page/list_status.ts" } from "./page/list_status.ts" with { type: "text" };
export { default as "page/member_list.ts" } from "./page/member_list.ts" with { type: "text" };
export { default as "page/mention_completion.ts" } from "./page/mention_completion.ts" with { type: "text" };
export { default as "page/mentions.ts" } from "./page/mentions.ts" with { type: "text" };
export { default as "page/message_actions.ts" } from "./page/message_actions.ts" with { type: "text" };
export { default as "page/message_line.ts" } from "./page/message_line.ts" with { type: "text" };
export { default as "page/message_list.ts" } from "./page/message_list.ts" with { type: "text" };
export { default as "page/message_seeker.ts" } from "./page/message_seeker.ts" with { type: "text" };
export { default as "page/message_writer.ts" } from "./page/message_writer.ts" with { type: "text" };
export { default as "page/notice_run.ts" } from "./page/notice_run.ts" with { type: "text" };
export { default as "page/notifications.ts" } from "./page/notifications.ts" with { type: "text" };
export { default as "page/older_messages.ts" } from "./page/older_messages.ts" with { type: "text" };
export { default as "page/own_name.ts" } from "./page/own_name.ts" with { type: "text" };
export { default as "page/panels.ts" } from "./page/panels.ts" with { type: "text" };
export { default as "page/parse_line.ts" } from "./page/parse_line.ts" with { type: "text" };
export { default as "page/parse_text.ts" } from "./page/parse_text.ts" with { type: "text" };
export { default as "page/read_mark.ts" } from "./page/read_mark.ts" with { type: "text" };
export { default as "page/refusals.ts" } from "./page/refusals.ts" with { type: "text" };
export { default as "page/remembered.ts" } from "./page/remembered.ts" with { type: "text" };
export { default as "page/rich_text.ts" } from "./page/rich_text.ts" with { type: "text" };
export { default as "page/right_notice.ts" } from "./page/right_notice.ts" with { type: "text" };
export { default as "page/room.ts" } from "./page/room.ts" with { type: "text" };
export { default as "page/room_history.ts" } from "./page/room_history.ts" with { type: "text" };
export { default as "page/room_list.ts" } from "./page/room_list.ts" with { type: "text" };
export { default as "page/scroll_position.ts" } from "./page/scroll_position.ts" with { type: "text" };
export { default as "page/strings.ts" } from "./page/strings.ts" with { type: "text" };
export { default as "page/style.css" } from "./page/style.css" with { type: "text" };
export { default as "page/text_tree.ts" } from "./page/text_tree.ts" with { type: "text" };
export { default as "page/toast.ts" } from "./page/toast.ts" with { type: "text" };
export { default as "page/translate.ts" } from "./page/translate.ts" with { type: "text" };
export { default as "page/unsent_lines.ts" } from "./page/unsent_lines.ts" with { type: "text" };
