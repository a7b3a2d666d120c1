package server

// dismiss hangs up on those who have not asked anything, or nothing more. Once it
// shuts down, net/http answers no request that it has not read, and still waits five
// seconds for who has never asked, such as a browser that connects in advance.
func (c *crowd) dismiss() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for e := c.line.Front(); e != nil; {
		g := e.Value.(*guest)
		e = e.Next() // before the guest leaves the line
		if g.turn == resting && !g.heard.Load() && !g.hasUnread() {
			c.hangUp(g)
		}
	}
}
