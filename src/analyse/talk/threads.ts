/** Messages as threads: those that answer each other, or are of one conversation, each before its answers. */

import { keyOf } from '../../format/bounded.js'
import type { Fields } from '../../format/fields.js'
import type { TalkItem } from './report.js'

interface Node {
  item: TalkItem
  parent: Node | undefined
  answers: Node[]
}

/** Puts items into the order of their threads, and says of each its thread and depth. */
export function threaded(items: readonly TalkItem[]): { items: TalkItem[]; threads: number } {
  const nodes = items.map((item): Node => ({ item, parent: undefined, answers: [] }))
  const byId = new Map<string, Node>()
  const byConversation = new Map<string, Node>()
  for (const node of nodes) {
    const { id } = node.item.event as Fields
    const key = keyOf(id)
    if (key !== undefined && node.item.event.kind !== 'approval') byId.set(key, node)
  }
  for (const node of nodes) {
    const { inReplyTo, conversation, id } = node.item.event as Fields
    const answered = keyOf(node.item.event.kind === 'approval' ? id : inReplyTo)
    const talk = keyOf(conversation)
    let parent = answered === undefined ? undefined : byId.get(answered)
    if (parent === undefined && answered !== undefined) node.item.repliesTo = answered
    // What is of a conversation and answers nothing goes under what opened that.
    parent ??= talk === undefined ? undefined : byConversation.get(talk)
    if (talk !== undefined && !byConversation.has(talk)) byConversation.set(talk, node)
    if (parent === undefined || isUnder(parent, node)) continue
    node.parent = parent
    parent.answers.push(node)
  }
  const ordered: TalkItem[] = []
  let threads = 0
  for (const root of nodes) {
    if (root.parent !== undefined) continue
    threads++
    const left = [{ node: root, depth: 0 }]
    for (let next = left.pop(); next !== undefined; next = left.pop()) {
      const { node, depth } = next
      node.item.thread = threads
      node.item.depth = depth
      ordered.push(node.item)
      for (const answer of node.answers.reverse()) left.push({ node: answer, depth: depth + 1 })
    }
  }
  return { items: ordered, threads }
}

/** Whether a node is that one, or goes back to it: what answers itself would never end. */
function isUnder(node: Node, root: Node): boolean {
  for (let each: Node | undefined = node; each !== undefined; each = each.parent)
    if (each === root) return true
  return false
}
